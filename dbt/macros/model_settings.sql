{# The settings of the models, as SQL that the models contain. #}
{% macro time_zone() %}{{ return(var('comms_time_zone')) }}{% endmacro %}

{% macro details() %}{{ return('true' if var('comms_details') else 'false') }}{% endmacro %}

{% macro retention_hours() %}{{ return(comms_source.plain(var('comms_retention_hours'))) }}{% endmacro %}

{% macro retention_seconds() %}{{ return((var('comms_retention_hours') * 3600) | int) }}{% endmacro %}

{% macro stuck_hours() %}{{ return(comms_source.plain(var('comms_stuck_after_hours'))) }}{% endmacro %}

{% macro stuck_seconds() %}{{ return(comms_source.plain(var('comms_stuck_after_hours') * 3600)) }}{% endmacro %}

{% macro alert_volume() %}{{ return(var('comms_alert_volume')) }}{% endmacro %}

{% macro alert_points() %}{{ return(var('comms_alert_points')) }}{% endmacro %}

{% macro alert_days() %}{{ return(var('comms_alert_days')) }}{% endmacro %}

{# A number without a fraction as an integer. #}
{% macro plain(number) %}{{ return(number | int if number == number | int else number) }}{% endmacro %}

{# The counter mode that is set for a channel, or NULL. #}
{% macro pinned_mode(channel) %}
    {%- set mode = var('comms_counter_mode').get(channel) -%}
    {{ return("'" ~ mode ~ "'" if mode else 'null') }}
{% endmacro %}

{# The model with the counter modes that resources show; no rows where there are no details. #}
{% macro resource_modes() %}
    {%- if var('comms_details') -%}
        {{ return(ref('comms_source', 'int_resource_modes')) }}
    {%- endif -%}
    {{ return('(select cast(null as text) as account, cast(null as text) as channel, '
        ~ 'cast(null as text) as resource_mode limit 0)') }}
{% endmacro %}
