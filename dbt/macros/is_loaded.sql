{# Whether a row is about an account and channel that is still loaded. #}
{% macro is_loaded() -%}
    {%- for stopped in var('comms_stopped') -%}
        {%- set account, _, channel = stopped.partition('/') -%}
        not (account = {{ dbt.string_literal(account) }}{% if channel %} and channel = {{ dbt.string_literal(channel) }}{% endif %}) and
    {% endfor -%}
    true
{%- endmacro %}
