{{ config(enabled=var('comms_views') == 'models') }}

-- One row per day, week and month on which something was requested or read, with its bounds.
-- Days are those of the reporting time zone, weeks begin on Monday. Bounds are seconds since 1970; the
-- future is not part of a period.
-- Generated from sql/intermediate/int_periods.sql: do not edit.
WITH days AS (
  SELECT DISTINCT
    (
      CAST(created_at AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    ) AS day
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
), periods AS (
  SELECT
    'day' AS period,
    day,
    day AS first_day,
    CAST(day + INTERVAL '1 DAY' AS DATE) AS next_day
  FROM days
  UNION ALL
  SELECT
    'week' AS period,
    day,
    CAST(DATE_TRUNC('WEEK', day) AS DATE) AS first_day,
    CAST(CAST(DATE_TRUNC('WEEK', day) AS DATE) + INTERVAL '7 DAY' AS DATE) AS next_day
  FROM days
  UNION ALL
  SELECT
    'month' AS period,
    day,
    CAST(DATE_TRUNC('MONTH', day) AS DATE) AS first_day,
    CAST(CAST(DATE_TRUNC('MONTH', day) AS DATE) + INTERVAL '1 MONTH' AS DATE) AS next_day
  FROM days
), bounds AS (
  SELECT
    *,
    (
      DATE_PART(
        'epoch',
        (
          CAST(first_day AS TIMESTAMP) AT TIME ZONE '{{ comms_source.time_zone() }}'
        )
      )
    ) AS start_seconds,
    (
      CASE
        WHEN (
          DATE_PART(
            'epoch',
            (
              CAST(next_day AS TIMESTAMP) AT TIME ZONE '{{ comms_source.time_zone() }}'
            )
          )
        ) <= DATE_PART('epoch', CURRENT_TIMESTAMP)
        THEN (
          DATE_PART(
            'epoch',
            (
              CAST(next_day AS TIMESTAMP) AT TIME ZONE '{{ comms_source.time_zone() }}'
            )
          )
        )
        WHEN (
          DATE_PART(
            'epoch',
            (
              CAST(next_day AS TIMESTAMP) AT TIME ZONE '{{ comms_source.time_zone() }}'
            )
          )
        ) > DATE_PART('epoch', CURRENT_TIMESTAMP)
        THEN DATE_PART('epoch', CURRENT_TIMESTAMP)
      END
    ) AS end_seconds
  FROM periods
)
SELECT
  period,
  day,
  first_day,
  start_seconds,
  end_seconds
FROM bounds
