-- Operations whose history has several current states, so that figures of the past would count them twice.
{% for table in comms_source.history_tables() %}
select
    '{{ table }}' as history,
    id,
    count(*) as current_states
from {{ source('comms', table) }}
where valid_to is null
group by id
having count(*) > 1
{{ 'union all' if not loop.last }}
{% endfor %}
