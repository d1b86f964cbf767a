-- Operations that are not exactly once in the view operations, or that are stored more than once.
with stored as (

    {% for table in comms_source.operation_tables() %}
    select id from {{ source('comms', table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

stored_counts as (

    select
        id,
        count(*) as stored_rows
    from stored
    group by id

),

view_counts as (

    select
        id,
        count(*) as view_rows
    from {{ comms_source.view('operations') }}
    group by id

)

select
    coalesce(stored_counts.id, view_counts.id) as id,
    coalesce(stored_rows, 0) as stored_rows,
    coalesce(view_rows, 0) as view_rows
from stored_counts
full outer join view_counts on stored_counts.id = view_counts.id
where coalesce(stored_rows, 0) <> 1 or coalesce(view_rows, 0) <> 1
