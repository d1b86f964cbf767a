{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation that does not make progress, with the reason.
-- It was processing for longer than stuck_after when it was last read; or it ended with resources that
-- still wait to be sent; or it was active when the API stopped returning it.
-- Generated from sql/monitoring/stuck_operations.sql: do not edit.
WITH not_found AS (
  SELECT
    account,
    channel,
    operation_id
  FROM {{ source("comms", "followed_operations") }} AS followed_operations
  WHERE
    outcome = 'not_found'
), starts AS (
  SELECT
    account,
    channel,
    id,
    MAX(valid_to) AS started_at
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    NOT is_current AND status = 'SCHEDULED'
  GROUP BY
    account,
    channel,
    id
), suspects AS (
  SELECT
    *,
    (
      CAST((
        DATE_PART('epoch', CURRENT_TIMESTAMP) - DATE_PART('epoch', created_at)
      ) AS DOUBLE PRECISION) / 3600
    ) AS age_hours
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
    AND (
      (
        COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
      )
      OR (
        (
          COALESCE(status IN ('COMPLETED', 'CANCELED'), FALSE)
        )
        AND queued + scheduled > 0
      )
    )
), started AS (
  SELECT
    suspects.*,
    COALESCE(starts.started_at, suspects.created_at) AS started_at
  FROM suspects
  LEFT JOIN starts
    ON suspects.account = starts.account
    AND suspects.channel = starts.channel
    AND suspects.id = starts.id
), reasons AS (
  SELECT
    started.*,
    CASE
      WHEN (
        COALESCE(started.status IN ('COMPLETED', 'CANCELED'), FALSE)
      )
      THEN 'finished_with_queued'
      WHEN NOT not_found.operation_id IS NULL
      THEN 'not_found'
      WHEN started.status = 'PROCESSING'
      AND (
        DATE_PART('epoch', started.synced_at) - DATE_PART('epoch', started.started_at)
      ) > {{ comms_source.stuck_seconds() }}
      THEN 'processing_too_long'
    END AS reason
  FROM started
  LEFT JOIN not_found
    ON started.account = not_found.account
    AND started.channel = not_found.channel
    AND started.id = not_found.operation_id
)
SELECT
  account,
  channel,
  channel_order,
  id,
  reason,
  status,
  created_at,
  age_hours,
  (
    CAST((
      DATE_PART('epoch', CURRENT_TIMESTAMP) - DATE_PART('epoch', started_at)
    ) AS DOUBLE PRECISION) / 3600
  ) <= 24 * {{ comms_source.alert_days() }} AS is_current,
  updated_at,
  requested,
  scheduled,
  queued,
  synced_at AS last_synced_at
FROM reasons
WHERE
  NOT reason IS NULL
