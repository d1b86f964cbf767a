{# The seed of labels, for models that read the table that it fills. #}
{% macro labels_seed() %}
    {{ return(ref('comms_source', 'operation_labels_seed') if var('comms_seed_labels') else '') }}
{% endmacro %}

{# Takes the rows of the last run out of the table, before the seed is loaded again. #}
{% macro withdraw_labels() %}
    {%- set loaded = adapter.get_relation(this.database, this.schema, this.identifier) if execute -%}
    {%- if loaded %}
        delete from {{ comms_source.labels_table() }} as stored
        where exists (
            select 1 from {{ this }} as seeded where {{ comms_source.is_same_label() }}
        )
    {%- endif -%}
{% endmacro %}

{# Puts the rows of the seed into the table, without those that are there already. #}
{% macro add_labels() %}
    insert into {{ comms_source.labels_table() }} (account, operation_id, label, value)
    select distinct account, operation_id, label, value
    from {{ this }} as seeded
    where not exists (
        select 1 from {{ comms_source.labels_table() }} as stored where {{ comms_source.is_same_label() }}
    )
{% endmacro %}

{# The hooks of a seed may not call source(). #}
{% macro labels_table() -%}
    {{ return(api.Relation.create(
        database=var('comms_database') or target.database,
        schema=var('comms_schema'),
        identifier='operation_labels',
    )) }}
{%- endmacro %}

{% macro is_same_label() -%}
    {%- for column in ['account', 'operation_id', 'label', 'value'] -%}
        stored.{{ column }} = seeded.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
