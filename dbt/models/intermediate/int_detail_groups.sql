{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per tag and value, and one per sender, of an account and channel: sums and rates.
-- The counters of an operation are in the sums if it is whole, so that no resource is counted for a tag or
-- sender that it does not have.
-- Generated from sql/intermediate/int_detail_groups.sql: do not edit.
WITH memberships AS (
  SELECT
    account,
    channel,
    operation_id,
    TRUE AS is_tag,
    tag,
    value,
    CAST(NULL AS TEXT) AS sub_channel,
    CAST(NULL AS TEXT) AS sender,
    CAST(NULL AS TEXT) AS sender_id,
    CAST(NULL AS TEXT) AS sender_pool_id,
    is_whole,
    resources,
    resources_attempted,
    resources_delivered,
    resources_not_delivered
  FROM {{ ref("comms_source", "int_tag_members") }} AS int_tag_members
  UNION ALL
  SELECT
    account,
    channel,
    operation_id,
    FALSE AS is_tag,
    CAST(NULL AS TEXT) AS tag,
    CAST(NULL AS TEXT) AS value,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    is_whole,
    resources,
    resources_attempted,
    resources_delivered,
    resources_not_delivered
  FROM {{ ref("comms_source", "int_sender_members") }} AS int_sender_members
), since AS (
  SELECT
    account,
    channel,
    MIN(created_at) AS first_at
  FROM {{ ref("comms_source", "int_known_details") }} AS int_known_details
  GROUP BY
    account,
    channel
), not_known AS (
  SELECT
    operations.account,
    operations.channel,
    (
      CAST(COUNT(CASE WHEN (
        known.operation_id IS NULL
      ) THEN 1 END) AS BIGINT)
    ) AS operations_without_details
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS operations
  INNER JOIN since
    ON operations.account = since.account
    AND operations.channel = since.channel
    AND operations.created_at >= since.first_at
  LEFT JOIN {{ ref("comms_source", "int_known_details") }} AS known
    ON operations.account = known.account
    AND operations.channel = known.channel
    AND operations.id = known.operation_id
  WHERE
    operations.is_current
  GROUP BY
    operations.account,
    operations.channel
), sums AS (
  SELECT
    is_tag,
    tag,
    value,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    int_operations.account,
    int_operations.channel,
    channel_order,
    has_outcomes,
    MIN(created_at) AS first_created_at,
    MAX(created_at) AS last_created_at,
    (
      CAST(COUNT(CASE WHEN is_whole THEN 1 END) AS BIGINT)
    ) AS operations,
    (
      CAST(COUNT(CASE WHEN (
        is_whole AND is_counted
      ) THEN 1 END) AS BIGINT)
    ) AS counted_operations,
    (
      CAST(COUNT(
        CASE
          WHEN (
            is_whole AND (
              COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
            )
          )
          THEN 1
        END
      ) AS BIGINT)
    ) AS active_operations,
    (
      CAST(COUNT(CASE WHEN (
        is_whole AND status = 'COMPLETED'
      ) THEN 1 END) AS BIGINT)
    ) AS completed_operations,
    (
      CAST(COUNT(CASE WHEN (
        is_whole AND status = 'CANCELED'
      ) THEN 1 END) AS BIGINT)
    ) AS canceled_operations,
    (
      CAST(COUNT(CASE WHEN (
        is_whole AND finality_order = 4
      ) THEN 1 END) AS BIGINT)
    ) AS frozen_operations,
    MIN(finality_order) AS finality_order,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN requested END) AS BIGINT)
    ) AS requested,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN recipients END) AS BIGINT)
    ) AS recipients,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN attempts END) AS BIGINT)
    ) AS attempts,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN unaddressable END) AS BIGINT)
    ) AS unaddressable,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN scheduled END) AS BIGINT)
    ) AS scheduled,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN queued END) AS BIGINT)
    ) AS queued,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN api_sent END) AS BIGINT)
    ) AS api_sent,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN api_delivered END) AS BIGINT)
    ) AS api_delivered,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN read END) AS BIGINT)
    ) AS read,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN opened END) AS BIGINT)
    ) AS opened,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN engaged END) AS BIGINT)
    ) AS engaged,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN undelivered END) AS BIGINT)
    ) AS undelivered,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN failed END) AS BIGINT)
    ) AS failed,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN canceled END) AS BIGINT)
    ) AS canceled,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN delivered_low END) AS BIGINT)
    ) AS delivered_low,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN delivered_high END) AS BIGINT)
    ) AS delivered_high,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN not_delivered END) AS BIGINT)
    ) AS not_delivered,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN attempted END) AS BIGINT)
    ) AS attempted,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN in_flight_low END) AS BIGINT)
    ) AS in_flight_low,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN in_flight_high END) AS BIGINT)
    ) AS in_flight_high,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN unconfirmed_low END) AS BIGINT)
    ) AS unconfirmed_low,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN unconfirmed_high END) AS BIGINT)
    ) AS unconfirmed_high,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN accepted END) AS BIGINT)
    ) AS accepted,
    (
      CAST(SUM(CASE WHEN is_counted AND is_whole THEN offered END) AS BIGINT)
    ) AS offered,
    (
      CAST(COUNT(CASE WHEN NOT is_whole THEN 1 END) AS BIGINT)
    ) AS partial_operations,
    (
      CAST(SUM(resources) AS BIGINT)
    ) AS resources,
    (
      CAST(SUM(resources_attempted) AS BIGINT)
    ) AS resources_attempted,
    (
      CAST(SUM((
        CASE WHEN has_outcomes THEN resources_delivered END
      )) AS BIGINT)
    ) AS resources_delivered,
    (
      CAST(SUM(resources_not_delivered) AS BIGINT)
    ) AS resources_not_delivered
  FROM memberships
  INNER JOIN {{ ref("comms_source", "int_operations") }} AS int_operations
    ON memberships.account = int_operations.account
    AND memberships.channel = int_operations.channel
    AND memberships.operation_id = int_operations.id
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11
)
SELECT
  sums.*,
  operations_without_details,
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
  CAST(attempts AS DOUBLE PRECISION) / NULLIF(requested, 0) AS attempts_per_resource,
  (
    CASE
      WHEN resources_attempted <= 0
      THEN NULL
      WHEN resources_delivered > resources_attempted
      THEN 1.0
      ELSE CAST(resources_delivered AS DOUBLE PRECISION) / resources_attempted
    END
  ) AS resource_delivery_rate
FROM sums
INNER JOIN not_known
  ON sums.account = not_known.account AND sums.channel = not_known.channel
