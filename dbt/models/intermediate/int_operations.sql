{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation, with its finality and the figures that depend on it.
-- The history has how long an operation has been unchanged; it is read only where that matters.
-- Generated from sql/intermediate/int_operations.sql: do not edit.
WITH latest AS (
  SELECT
    *,
    (
      CAST((
        DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
      ) AS DOUBLE PRECISION) / 3600
    ) AS last_seen_age,
    CASE
      WHEN (
        COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
      )
      THEN NULL
      WHEN created_at >= (
        CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
      )
      OR NOT (
        (
          CAST((
            DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
          ) AS DOUBLE PRECISION) / 3600
        ) >= {{ comms_source.retention_hours() }} - 24
      )
      THEN id
    END AS id_in_history
  FROM {{ ref("comms_source", "int_outcomes") }} AS int_outcomes
  WHERE
    is_current
), seen_early AS (
  SELECT
    account,
    channel,
    id
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
    AND created_at < (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    )
    AND NOT (
      (
        CAST((
          DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
        ) AS DOUBLE PRECISION) / 3600
      ) >= {{ comms_source.retention_hours() }} - 24
    )
), current_states AS (
  SELECT
    account,
    channel,
    id,
    synced_at AS unchanged_since
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    NOT is_current
    AND valid_to IS NULL
    AND created_at >= (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    )
  UNION ALL
  SELECT
    states.account,
    states.channel,
    states.id,
    states.synced_at AS unchanged_since
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS states
  INNER JOIN seen_early
    ON states.id = seen_early.id
    AND states.channel = seen_early.channel
    AND states.account = seen_early.account
  WHERE
    NOT states.is_current
    AND states.valid_to IS NULL
    AND states.created_at < (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    )
), not_found AS (
  SELECT
    account,
    channel,
    operation_id
  FROM {{ source("comms", "followed_operations") }} AS followed_operations
  WHERE
    outcome = 'not_found'
), with_history AS (
  SELECT
    latest.*,
    COALESCE(
      (
        CAST((
          DATE_PART('epoch', latest.synced_at) - DATE_PART('epoch', current_states.unchanged_since)
        ) AS DOUBLE PRECISION) / 3600
      ),
      0
    ) AS unchanged_hours
  FROM latest
  LEFT JOIN current_states
    ON latest.id_in_history = current_states.id
    AND latest.channel = current_states.channel
    AND latest.account = current_states.account
), with_finality AS (
  SELECT
    with_history.*,
    CASE
      WHEN (
        COALESCE(with_history.status IN ('SCHEDULED', 'PROCESSING'), FALSE)
      )
      AND NOT not_found.operation_id IS NULL
      THEN 4
      WHEN (
        COALESCE(with_history.status IN ('SCHEDULED', 'PROCESSING'), FALSE)
      )
      THEN 1
      WHEN with_history.created_at >= (
        CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
      )
      AND with_history.unchanged_hours >= 24
      AND (
        COALESCE(with_history.status IN ('COMPLETED', 'CANCELED'), FALSE)
      )
      THEN 3
      WHEN with_history.created_at >= (
        CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
      )
      THEN 2
      WHEN with_history.unchanged_hours >= 24
      THEN 5
      WHEN (
        (
          CAST((
            DATE_PART('epoch', with_history.synced_at) - DATE_PART('epoch', with_history.created_at)
          ) AS DOUBLE PRECISION) / 3600
        ) >= {{ comms_source.retention_hours() }} - 24
      )
      THEN 5
      ELSE 4
    END AS finality_order
  FROM with_history
  LEFT JOIN not_found
    ON CASE
      WHEN (
        COALESCE(with_history.status IN ('SCHEDULED', 'PROCESSING'), FALSE)
      )
      THEN with_history.id
    END = not_found.operation_id
    AND with_history.channel = not_found.channel
    AND with_history.account = not_found.account
)
SELECT
  *,
  CASE
    WHEN NOT is_counted
    THEN NULL
    WHEN finality_order <= 2
    THEN waiting + COALESCE(outstanding_low, 0)
    ELSE 0
  END AS in_flight_low,
  CASE
    WHEN NOT is_counted
    THEN NULL
    WHEN finality_order <= 2
    THEN waiting + COALESCE(outstanding_high, 0)
    ELSE 0
  END AS in_flight_high,
  CASE
    WHEN finality_order > 2 OR outstanding_low IS NULL
    THEN outstanding_low
    ELSE 0
  END AS unconfirmed_low,
  CASE
    WHEN finality_order > 2 OR outstanding_high IS NULL
    THEN outstanding_high
    ELSE 0
  END AS unconfirmed_high
FROM with_finality
