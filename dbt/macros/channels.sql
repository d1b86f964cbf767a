{# Generated from comms_source/channels.py: do not edit. #}
{% macro channels() %}{{ return(["messages", "emails", "push_notifications"]) }}{% endmacro %}
{% macro operation_tables() %}{{ return(["message_operations", "email_operations", "push_notification_operations"]) }}{% endmacro %}
{% macro history_tables() %}{{ return(["message_operation_history", "email_operation_history", "push_notification_operation_history"]) }}{% endmacro %}
