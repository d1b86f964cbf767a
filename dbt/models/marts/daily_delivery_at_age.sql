{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel, day and age: what was known of the day's sends when they were that old.
-- So days can be compared at the same age. Over operations that had been seen by that age and have been
-- read since, as long as the API has them. Needs the history.
-- Generated from sql/marts/daily_delivery_at_age.sql: do not edit.
WITH days AS (
  SELECT
    (
      CAST(created_at AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    ) AS day,
    account,
    channel,
    COUNT(*) AS day_operations
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
  GROUP BY
    1,
    2,
    3
), known AS (
  SELECT
    int_age_changes.account,
    int_age_changes.channel,
    int_age_changes.channel_order,
    int_age_changes.day,
    int_ages.age_hours,
    (
      CAST(SUM(int_age_changes.operations) AS BIGINT)
    ) AS operations,
    (
      CASE WHEN SUM(with_requested) > 0 THEN CAST(SUM(requested) AS BIGINT) END
    ) AS requested,
    (
      CASE WHEN SUM(with_attempted) > 0 THEN CAST(SUM(attempted) AS BIGINT) END
    ) AS attempted,
    (
      CASE WHEN SUM(with_delivered) > 0 THEN CAST(SUM(delivered_low) AS BIGINT) END
    ) AS delivered_low,
    (
      CASE WHEN SUM(with_delivered) > 0 THEN CAST(SUM(delivered_high) AS BIGINT) END
    ) AS delivered_high,
    (
      CASE WHEN SUM(with_requested) > 0 THEN CAST(SUM(not_delivered) AS BIGINT) END
    ) AS not_delivered,
    (
      CASE WHEN SUM(with_delivered) > 0 THEN CAST(SUM(outstanding_low) AS BIGINT) END
    ) AS outstanding_low,
    (
      CASE WHEN SUM(with_delivered) > 0 THEN CAST(SUM(outstanding_high) AS BIGINT) END
    ) AS outstanding_high,
    (
      CASE WHEN SUM(with_engaged) > 0 THEN CAST(SUM(engaged) AS BIGINT) END
    ) AS engaged
  FROM {{ ref("comms_source", "int_age_changes") }} AS int_age_changes
  INNER JOIN {{ ref("comms_source", "int_ages") }} AS int_ages
    ON int_age_changes.step <= int_ages.step
  WHERE
    int_ages.is_daily
  GROUP BY
    1,
    2,
    3,
    4,
    5
), rates AS (
  SELECT
    known.*,
    days.day_operations,
    (
      CASE WHEN delivered_low = delivered_high THEN delivered_low END
    ) AS delivered,
    (
      CASE
        WHEN attempted <= 0
        THEN NULL
        WHEN delivered_low > attempted
        THEN 1.0
        ELSE CAST(delivered_low AS DOUBLE PRECISION) / attempted
      END
    ) AS delivery_rate_low,
    (
      CASE
        WHEN attempted <= 0
        THEN NULL
        WHEN delivered_high > attempted
        THEN 1.0
        ELSE CAST(delivered_high AS DOUBLE PRECISION) / attempted
      END
    ) AS delivery_rate_high,
    (
      CASE
        WHEN (
          delivered_low + not_delivered
        ) <= 0
        THEN NULL
        WHEN delivered_low > (
          delivered_low + not_delivered
        )
        THEN 1.0
        ELSE CAST(delivered_low AS DOUBLE PRECISION) / (
          delivered_low + not_delivered
        )
      END
    ) AS delivery_rate_of_known_low,
    (
      CASE
        WHEN (
          delivered_high + not_delivered
        ) <= 0
        THEN NULL
        WHEN delivered_high > (
          delivered_high + not_delivered
        )
        THEN 1.0
        ELSE CAST(delivered_high AS DOUBLE PRECISION) / (
          delivered_high + not_delivered
        )
      END
    ) AS delivery_rate_of_known_high,
    (
      CASE
        WHEN delivered_high <= 0
        THEN NULL
        WHEN engaged > delivered_high
        THEN 1.0
        ELSE CAST(engaged AS DOUBLE PRECISION) / delivered_high
      END
    ) AS engagement_rate_low,
    (
      CASE
        WHEN delivered_low <= 0
        THEN NULL
        WHEN engaged > delivered_low
        THEN 1.0
        ELSE CAST(engaged AS DOUBLE PRECISION) / delivered_low
      END
    ) AS engagement_rate_high
  FROM known
  INNER JOIN days
    ON known.day = days.day
    AND known.account = days.account
    AND known.channel = days.channel
  WHERE
    known.operations > 0
)
SELECT
  day,
  account,
  channel,
  channel_order,
  age_hours,
  day_operations,
  operations,
  requested,
  attempted,
  delivered,
  delivered_low,
  delivered_high,
  not_delivered,
  (
    CASE WHEN outstanding_low = outstanding_high THEN outstanding_low END
  ) AS outstanding,
  outstanding_low,
  outstanding_high,
  engaged,
  (
    CASE
      WHEN attempted <= 0
      THEN NULL
      WHEN delivered > attempted
      THEN 1.0
      ELSE CAST(delivered AS DOUBLE PRECISION) / attempted
    END
  ) AS delivery_rate,
  delivery_rate_low,
  delivery_rate_high,
  (
    CASE
      WHEN delivery_rate_of_known_low = delivery_rate_of_known_high
      THEN delivery_rate_of_known_low
    END
  ) AS delivery_rate_of_known,
  delivery_rate_of_known_low,
  delivery_rate_of_known_high,
  (
    CASE
      WHEN delivered <= 0
      THEN NULL
      WHEN engaged > delivered
      THEN 1.0
      ELSE CAST(engaged AS DOUBLE PRECISION) / delivered
    END
  ) AS engagement_rate,
  engagement_rate_low,
  engagement_rate_high
FROM rates
