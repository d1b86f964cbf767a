{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel, day and finality: how much of a day may still change, and how much is final.
-- A day does not change any more when all its rows are final or frozen.
-- Generated from sql/marts/daily_finality.sql: do not edit.
WITH days AS (
  SELECT
    *,
    (
      CAST(created_at AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    ) AS day,
    CAST((
      DATE_PART('epoch', created_at) - DATE_PART(
        'epoch',
        (
          CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
        )
      )
    ) AS DOUBLE PRECISION) / 3600 AS hours_to_go
  FROM {{ ref("comms_source", "int_operations") }} AS int_operations
), sums AS (
  SELECT
    day,
    account,
    channel,
    channel_order,
    finality_order,
    COUNT(*) AS operations,
    (
      CAST(SUM(CASE WHEN is_counted THEN requested END) AS BIGINT)
    ) AS requested,
    (
      CAST(SUM(CASE WHEN is_counted THEN in_flight_low END) AS BIGINT)
    ) AS in_flight_low,
    (
      CAST(SUM(CASE WHEN is_counted THEN in_flight_high END) AS BIGINT)
    ) AS in_flight_high,
    (
      CAST(SUM(CASE WHEN is_counted THEN unconfirmed_low END) AS BIGINT)
    ) AS unconfirmed_low,
    (
      CAST(SUM(CASE WHEN is_counted THEN unconfirmed_high END) AS BIGINT)
    ) AS unconfirmed_high,
    (
      CASE
        WHEN MAX(hours_to_go) >= 0
        THEN MAX(hours_to_go)
        WHEN MAX(hours_to_go) < 0
        THEN 0
      END
    ) AS hours_left
  FROM days
  GROUP BY
    1,
    2,
    3,
    4,
    5
)
SELECT
  day,
  account,
  channel,
  channel_order,
  (
    CASE finality_order
      WHEN 1
      THEN 'in_progress'
      WHEN 2
      THEN 'settling'
      WHEN 3
      THEN 'settled'
      WHEN 4
      THEN 'frozen'
      WHEN 5
      THEN 'final'
    END
  ) AS finality,
  finality_order,
  operations,
  requested,
  (
    CASE WHEN in_flight_low = in_flight_high THEN in_flight_low END
  ) AS in_flight,
  in_flight_low,
  in_flight_high,
  (
    CASE WHEN unconfirmed_low = unconfirmed_high THEN unconfirmed_low END
  ) AS unconfirmed,
  unconfirmed_low,
  unconfirmed_high,
  hours_left
FROM sums
