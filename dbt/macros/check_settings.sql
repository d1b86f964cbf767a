{# Refuses variables that cannot work, before anything runs. #}
{% macro check_settings() %}
    {%- set problems = comms_source.wrong_values() -%}
    {%- if execute and not problems and var('comms_views') == 'models' -%}
        {%- do problems.extend(comms_source.wrong_places()) -%}
    {%- endif -%}
    {%- if execute and problems -%}
        {{ exceptions.raise_compiler_error(problems | join('; ')) }}
    {%- endif -%}
{% endmacro %}

{% macro wrong_values() %}
    {%- set problems = [] -%}
    {%- if var('comms_views') not in ['existing', 'models'] -%}
        {%- do problems.append('comms_views: expected existing or models, got ' ~ var('comms_views')) -%}
    {%- endif -%}
    {%- for channel, mode in var('comms_counter_mode').items() -%}
        {%- if channel not in comms_source.channels() or mode not in ['exclusive', 'cumulative'] -%}
            {%- do problems.append('comms_counter_mode: expected a channel with exclusive or cumulative, got '
                ~ channel ~ ': ' ~ mode) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{% endmacro %}

{# Models are written for two databases, and must not replace the views of comms-source. #}
{% macro wrong_places() %}
    {%- if target.type not in ['duckdb', 'postgres'] -%}
        {{ return(['comms_views: models can be built on DuckDB and PostgreSQL, and this target is ' ~ target.type
            ~ '; set it to existing, which uses the views that comms-source created there']) }}
    {%- endif -%}
    {%- set theirs = comms_source.labels_table() -%}
    {%- for node in graph.nodes.values() if node.package_name == 'comms_source' and node.resource_type == 'model' -%}
        {%- if [node.database, node.schema] | map('lower') | list == [theirs.database, theirs.schema] | map('lower') | list -%}
            {{ return(['the model ' ~ node.name ~ ' would replace a view of comms-source in the schema '
                ~ node.schema ~ '; build the models in another one, by models: comms_source: +schema: in '
                ~ 'dbt_project.yml']) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return([]) }}
{% endmacro %}
