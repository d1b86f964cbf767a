-- Settings that differ between the models and the views that comms-source created: figures differ too.
{{ config(enabled=var('comms_views') == 'models', severity='warn') }}
{%- set views = adapter.get_relation(
    var('comms_database') or target.database, var('comms_schema'), 'view_settings'
) if execute %}
select
    models.setting,
    models.value as model_value,
    {{ 'views.value' if views else 'null' }} as view_value
from {{ comms_source.view('view_settings') }} as models
{%- if views %}
inner join {{ views }} as views on models.setting = views.setting
where models.value <> views.value
{%- else %}
where false
{%- endif %}
