{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation that is still scheduled although all its resources should have been sent.
-- When it was last read, the latest of the times that its resources are scheduled for had passed by more
-- than stuck_after. Only operations whose resources were read. What the API did not find is not here.
-- Generated from sql/monitoring/overdue_operations.sql: do not edit.
WITH due AS (
  SELECT
    account,
    channel,
    operation_id,
    MAX(scheduled_for) AS due_at
  FROM {{ ref("comms_source", "stg_resources") }} AS stg_resources
  WHERE
    NOT scheduled_for IS NULL
  GROUP BY
    account,
    channel,
    operation_id
), not_found AS (
  SELECT
    account,
    channel,
    operation_id
  FROM {{ source("comms", "followed_operations") }} AS followed_operations
  WHERE
    outcome = 'not_found'
)
SELECT
  operations.account,
  operations.channel,
  channel_order,
  id,
  status,
  created_at,
  (
    CAST((
      DATE_PART('epoch', CURRENT_TIMESTAMP) - DATE_PART('epoch', created_at)
    ) AS DOUBLE PRECISION) / 3600
  ) AS age_hours,
  due_at AS scheduled_for,
  (
    CAST((
      DATE_PART('epoch', synced_at) - DATE_PART('epoch', due_at)
    ) AS DOUBLE PRECISION) / 3600
  ) AS overdue_hours,
  (
    CAST((
      DATE_PART('epoch', CURRENT_TIMESTAMP) - DATE_PART('epoch', due_at)
    ) AS DOUBLE PRECISION) / 3600
  ) <= 24 * {{ comms_source.alert_days() }} AS is_current,
  requested,
  scheduled,
  queued,
  synced_at AS last_synced_at
FROM {{ ref("comms_source", "stg_operation_rows") }} AS operations
INNER JOIN due
  ON operations.account = due.account
  AND operations.channel = due.channel
  AND operations.id = due.operation_id
LEFT JOIN not_found
  ON operations.account = not_found.account
  AND operations.channel = not_found.channel
  AND operations.id = not_found.operation_id
WHERE
  is_current
  AND status = 'SCHEDULED'
  AND (
    DATE_PART('epoch', synced_at) - DATE_PART('epoch', due_at)
  ) > {{ comms_source.stuck_seconds() }}
  AND not_found.operation_id IS NULL
