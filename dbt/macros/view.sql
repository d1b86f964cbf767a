{# A view of comms-source in a query: the one that exists, or the model. #}
{% macro view(name) -%}
    {{ return(ref('comms_source', name) if comms_source.builds_models() else source('comms_views', name)) }}
{%- endmacro %}

{% macro builds_models() -%}
    {{ return(var('comms_views') == 'models') }}
{%- endmacro %}
