{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation of any channel: what was requested, what happened to it, and how final that is.
-- Rates are between 0 and 1. A figure is an interval from ..._low to ..._high where the counters do not
-- determine it; the column without a suffix is NULL there. What a channel does not report is NULL.
-- Generated from sql/marts/operations.sql: do not edit.
WITH rates AS (
  SELECT
    *,
    (
      CAST((
        DATE_PART('epoch', CURRENT_TIMESTAMP) - DATE_PART('epoch', created_at)
      ) AS DOUBLE PRECISION) / 3600
    ) AS age_hours,
    (
      CASE WHEN delivered_low = delivered_high THEN delivered_low END
    ) AS delivered,
    (
      CASE WHEN in_flight_low = in_flight_high THEN in_flight_low END
    ) AS in_flight,
    (
      CASE WHEN unconfirmed_low = unconfirmed_high THEN unconfirmed_low END
    ) AS unconfirmed,
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
        WHEN attempted <= 0
        THEN NULL
        WHEN unconfirmed_low > attempted
        THEN 1.0
        ELSE CAST(unconfirmed_low AS DOUBLE PRECISION) / attempted
      END
    ) AS unconfirmed_rate_low,
    (
      CASE
        WHEN attempted <= 0
        THEN NULL
        WHEN unconfirmed_high > attempted
        THEN 1.0
        ELSE CAST(unconfirmed_high AS DOUBLE PRECISION) / attempted
      END
    ) AS unconfirmed_rate_high,
    (
      CASE
        WHEN attempted <= 0
        THEN NULL
        WHEN undelivered > attempted
        THEN 1.0
        ELSE CAST(undelivered AS DOUBLE PRECISION) / attempted
      END
    ) AS undelivered_rate,
    (
      CASE
        WHEN attempted <= 0
        THEN NULL
        WHEN failed > attempted
        THEN 1.0
        ELSE CAST(failed AS DOUBLE PRECISION) / attempted
      END
    ) AS failed_rate,
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
    ) AS engagement_rate_high,
    (
      CASE
        WHEN delivered_high <= 0
        THEN NULL
        WHEN read > delivered_high
        THEN 1.0
        ELSE CAST(read AS DOUBLE PRECISION) / delivered_high
      END
    ) AS read_rate_low,
    (
      CASE
        WHEN delivered_low <= 0
        THEN NULL
        WHEN read > delivered_low
        THEN 1.0
        ELSE CAST(read AS DOUBLE PRECISION) / delivered_low
      END
    ) AS read_rate_high,
    (
      CASE
        WHEN delivered_high <= 0
        THEN NULL
        WHEN opened > delivered_high
        THEN 1.0
        ELSE CAST(opened AS DOUBLE PRECISION) / delivered_high
      END
    ) AS open_rate_low,
    (
      CASE
        WHEN delivered_low <= 0
        THEN NULL
        WHEN opened > delivered_low
        THEN 1.0
        ELSE CAST(opened AS DOUBLE PRECISION) / delivered_low
      END
    ) AS open_rate_high,
    (
      CASE
        WHEN offered <= 0
        THEN NULL
        WHEN accepted > offered
        THEN 1.0
        ELSE CAST(accepted AS DOUBLE PRECISION) / offered
      END
    ) AS acceptance_rate,
    (
      CASE
        WHEN recipients <= 0
        THEN NULL
        WHEN unaddressable > recipients
        THEN 1.0
        ELSE CAST(unaddressable AS DOUBLE PRECISION) / recipients
      END
    ) AS unaddressable_rate,
    (
      CASE
        WHEN requested <= 0
        THEN NULL
        WHEN canceled > requested
        THEN 1.0
        ELSE CAST(canceled AS DOUBLE PRECISION) / requested
      END
    ) AS cancel_rate,
    CAST(attempts AS DOUBLE PRECISION) / NULLIF(requested, 0) AS attempts_per_resource
  FROM {{ ref("comms_source", "int_operations") }} AS int_operations
)
SELECT
  account,
  channel,
  channel_order,
  id,
  status,
  created_at,
  updated_at,
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
  age_hours,
  synced_at AS last_synced_at,
  last_seen_age,
  counter_mode,
  is_inconsistent,
  counter_surplus,
  requested,
  recipients,
  attempts,
  unaddressable,
  scheduled,
  queued,
  api_sent,
  api_delivered,
  read,
  opened,
  engaged,
  undelivered,
  failed,
  canceled,
  delivered,
  delivered_low,
  delivered_high,
  not_delivered,
  attempted,
  in_flight,
  in_flight_low,
  in_flight_high,
  unconfirmed,
  unconfirmed_low,
  unconfirmed_high,
  accepted,
  offered,
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
      WHEN attempted <= 0
      THEN NULL
      WHEN unconfirmed > attempted
      THEN 1.0
      ELSE CAST(unconfirmed AS DOUBLE PRECISION) / attempted
    END
  ) AS unconfirmed_rate,
  unconfirmed_rate_low,
  unconfirmed_rate_high,
  undelivered_rate,
  failed_rate,
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
  engagement_rate_high,
  (
    CASE
      WHEN delivered <= 0
      THEN NULL
      WHEN read > delivered
      THEN 1.0
      ELSE CAST(read AS DOUBLE PRECISION) / delivered
    END
  ) AS read_rate,
  read_rate_low,
  read_rate_high,
  (
    CASE
      WHEN delivered <= 0
      THEN NULL
      WHEN opened > delivered
      THEN 1.0
      ELSE CAST(opened AS DOUBLE PRECISION) / delivered
    END
  ) AS open_rate,
  open_rate_low,
  open_rate_high,
  acceptance_rate,
  unaddressable_rate,
  cancel_rate,
  attempts_per_resource,
  extra
FROM rates
