{{ config(enabled=var('comms_views') == 'models') }}

-- One row per label, value, account and channel: what happened to the operations that have it.
-- The labels are in the table operation_labels, which you fill, for example with the campaign of an
-- operation. An operation with two values of a label counts in both.
-- Generated from sql/marts/delivery_by_label.sql: do not edit.
-- depends_on: {{ comms_source.labels_seed() }}
WITH label_sums AS (
  SELECT
    operation_labels.label,
    operation_labels.value,
    int_operations.account,
    channel,
    channel_order,
    MIN(created_at) AS first_created_at,
    MAX(created_at) AS last_created_at,
    COUNT(*) AS operations,
    (
      CAST(COUNT(CASE WHEN is_counted THEN 1 END) AS BIGINT)
    ) AS counted_operations,
    (
      CAST(COUNT(
        CASE WHEN (
          COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
        ) THEN 1 END
      ) AS BIGINT)
    ) AS active_operations,
    (
      CAST(COUNT(CASE WHEN (
        status = 'COMPLETED'
      ) THEN 1 END) AS BIGINT)
    ) AS completed_operations,
    (
      CAST(COUNT(CASE WHEN (
        status = 'CANCELED'
      ) THEN 1 END) AS BIGINT)
    ) AS canceled_operations,
    (
      CAST(COUNT(CASE WHEN (
        finality_order = 4
      ) THEN 1 END) AS BIGINT)
    ) AS frozen_operations,
    MIN(finality_order) AS finality_order,
    (
      CAST(SUM(CASE WHEN is_counted THEN requested END) AS BIGINT)
    ) AS requested,
    (
      CAST(SUM(CASE WHEN is_counted THEN recipients END) AS BIGINT)
    ) AS recipients,
    (
      CAST(SUM(CASE WHEN is_counted THEN attempts END) AS BIGINT)
    ) AS attempts,
    (
      CAST(SUM(CASE WHEN is_counted THEN unaddressable END) AS BIGINT)
    ) AS unaddressable,
    (
      CAST(SUM(CASE WHEN is_counted THEN scheduled END) AS BIGINT)
    ) AS scheduled,
    (
      CAST(SUM(CASE WHEN is_counted THEN queued END) AS BIGINT)
    ) AS queued,
    (
      CAST(SUM(CASE WHEN is_counted THEN api_sent END) AS BIGINT)
    ) AS api_sent,
    (
      CAST(SUM(CASE WHEN is_counted THEN api_delivered END) AS BIGINT)
    ) AS api_delivered,
    (
      CAST(SUM(CASE WHEN is_counted THEN read END) AS BIGINT)
    ) AS read,
    (
      CAST(SUM(CASE WHEN is_counted THEN opened END) AS BIGINT)
    ) AS opened,
    (
      CAST(SUM(CASE WHEN is_counted THEN engaged END) AS BIGINT)
    ) AS engaged,
    (
      CAST(SUM(CASE WHEN is_counted THEN undelivered END) AS BIGINT)
    ) AS undelivered,
    (
      CAST(SUM(CASE WHEN is_counted THEN failed END) AS BIGINT)
    ) AS failed,
    (
      CAST(SUM(CASE WHEN is_counted THEN canceled END) AS BIGINT)
    ) AS canceled,
    (
      CAST(SUM(CASE WHEN is_counted THEN delivered_low END) AS BIGINT)
    ) AS delivered_low,
    (
      CAST(SUM(CASE WHEN is_counted THEN delivered_high END) AS BIGINT)
    ) AS delivered_high,
    (
      CAST(SUM(CASE WHEN is_counted THEN not_delivered END) AS BIGINT)
    ) AS not_delivered,
    (
      CAST(SUM(CASE WHEN is_counted THEN attempted END) AS BIGINT)
    ) AS attempted,
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
      CAST(SUM(CASE WHEN is_counted THEN accepted END) AS BIGINT)
    ) AS accepted,
    (
      CAST(SUM(CASE WHEN is_counted THEN offered END) AS BIGINT)
    ) AS offered
  FROM {{ ref("comms_source", "int_operations") }} AS int_operations
  INNER JOIN {{ source("comms", "operation_labels") }} AS operation_labels
    ON int_operations.account = operation_labels.account
    AND int_operations.id = operation_labels.operation_id
  GROUP BY
    1,
    2,
    3,
    4,
    5
), rates AS (
  SELECT
    *,
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
  FROM label_sums
)
SELECT
  label,
  value,
  account,
  channel,
  channel_order,
  first_created_at,
  last_created_at,
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
  counted_operations,
  active_operations,
  completed_operations,
  canceled_operations,
  frozen_operations,
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
  attempts_per_resource
FROM rates
