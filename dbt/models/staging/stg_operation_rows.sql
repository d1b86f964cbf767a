{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation of any channel as it is now, and one per state of its history.
-- A counter below 0 or above 10^12 is invalid and is NULL here; the table keeps it. A counter that a
-- channel does not have is NULL, never 0. All tables of operations are read here and nowhere else.
-- Generated from sql/staging/stg_operation_rows.sql: do not edit.
SELECT
  account,
  channel,
  channel_order,
  has_outcomes,
  has_engagement,
  pinned_mode,
  is_current,
  id,
  status,
  created_at,
  updated_at,
  synced_at,
  valid_from,
  valid_to,
  extra,
  (
    CASE WHEN total BETWEEN 0 AND 1000000000000 THEN total END
  ) AS requested,
  (
    CASE WHEN recipients BETWEEN 0 AND 1000000000000 THEN recipients END
  ) AS recipients,
  (
    CASE WHEN attempts BETWEEN 0 AND 1000000000000 THEN attempts END
  ) AS attempts,
  (
    CASE WHEN unaddressable BETWEEN 0 AND 1000000000000 THEN unaddressable END
  ) AS unaddressable,
  (
    CASE WHEN scheduled BETWEEN 0 AND 1000000000000 THEN scheduled END
  ) AS scheduled,
  (
    CASE WHEN queued BETWEEN 0 AND 1000000000000 THEN queued END
  ) AS queued,
  (
    CASE WHEN sent BETWEEN 0 AND 1000000000000 THEN sent END
  ) AS api_sent,
  (
    CASE WHEN delivered BETWEEN 0 AND 1000000000000 THEN delivered END
  ) AS api_delivered,
  (
    CASE WHEN read BETWEEN 0 AND 1000000000000 THEN read END
  ) AS read,
  (
    CASE WHEN opened BETWEEN 0 AND 1000000000000 THEN opened END
  ) AS opened,
  (
    CASE WHEN undelivered BETWEEN 0 AND 1000000000000 THEN undelivered END
  ) AS undelivered,
  (
    CASE WHEN failed BETWEEN 0 AND 1000000000000 THEN failed END
  ) AS failed,
  (
    CASE WHEN canceled BETWEEN 0 AND 1000000000000 THEN canceled END
  ) AS canceled,
  COALESCE(
    (
      CASE WHEN read BETWEEN 0 AND 1000000000000 THEN read END
    ),
    (
      CASE WHEN opened BETWEEN 0 AND 1000000000000 THEN opened END
    )
  ) AS engaged,
  COALESCE(
    (
      NOT total BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT recipients BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT attempts BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT unaddressable BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT scheduled BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT queued BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT sent BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT delivered BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT read BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT opened BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT undelivered BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT failed BETWEEN 0 AND 1000000000000
    )
    OR (
      NOT canceled BETWEEN 0 AND 1000000000000
    ),
    FALSE
  ) AS has_invalid_counter
FROM (
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode,
    TRUE AS is_current,
    account,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    CAST(NULL AS TIMESTAMPTZ) AS valid_from,
    CAST(NULL AS TIMESTAMPTZ) AS valid_to,
    extra,
    total,
    recipients,
    attempts,
    unaddressable,
    scheduled,
    queued,
    sent,
    delivered,
    read,
    undelivered,
    failed,
    canceled,
    CAST(NULL AS BIGINT) AS opened
  FROM {{ source("comms", "message_operations") }} AS message_operations
  UNION ALL
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode,
    FALSE AS is_current,
    account,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    valid_from,
    valid_to,
    CAST(NULL AS TEXT) AS extra,
    total,
    recipients,
    attempts,
    unaddressable,
    scheduled,
    queued,
    sent,
    delivered,
    read,
    undelivered,
    failed,
    canceled,
    CAST(NULL AS BIGINT) AS opened
  FROM {{ source("comms", "message_operation_history") }} AS message_operation_history
  UNION ALL
  SELECT
    'emails' AS channel,
    CAST(2 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode,
    TRUE AS is_current,
    account,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    CAST(NULL AS TIMESTAMPTZ) AS valid_from,
    CAST(NULL AS TIMESTAMPTZ) AS valid_to,
    extra,
    total,
    recipients,
    attempts,
    CAST(NULL AS BIGINT) AS unaddressable,
    scheduled,
    queued,
    sent,
    delivered,
    CAST(NULL AS BIGINT) AS read,
    undelivered,
    failed,
    canceled,
    opened
  FROM {{ source("comms", "email_operations") }} AS email_operations
  UNION ALL
  SELECT
    'emails' AS channel,
    CAST(2 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode,
    FALSE AS is_current,
    account,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    valid_from,
    valid_to,
    CAST(NULL AS TEXT) AS extra,
    total,
    recipients,
    attempts,
    CAST(NULL AS BIGINT) AS unaddressable,
    scheduled,
    queued,
    sent,
    delivered,
    CAST(NULL AS BIGINT) AS read,
    undelivered,
    failed,
    canceled,
    opened
  FROM {{ source("comms", "email_operation_history") }} AS email_operation_history
  UNION ALL
  SELECT
    'push_notifications' AS channel,
    CAST(3 AS BIGINT) AS channel_order,
    FALSE AS has_outcomes,
    FALSE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode,
    TRUE AS is_current,
    account,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    CAST(NULL AS TIMESTAMPTZ) AS valid_from,
    CAST(NULL AS TIMESTAMPTZ) AS valid_to,
    extra,
    total,
    recipients,
    CAST(NULL AS BIGINT) AS attempts,
    unaddressable,
    scheduled,
    queued,
    sent,
    CAST(NULL AS BIGINT) AS delivered,
    CAST(NULL AS BIGINT) AS read,
    CAST(NULL AS BIGINT) AS undelivered,
    failed,
    canceled,
    CAST(NULL AS BIGINT) AS opened
  FROM {{ source("comms", "push_notification_operations") }} AS push_notification_operations
  UNION ALL
  SELECT
    'push_notifications' AS channel,
    CAST(3 AS BIGINT) AS channel_order,
    FALSE AS has_outcomes,
    FALSE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode,
    FALSE AS is_current,
    account,
    id,
    status,
    created_at,
    updated_at,
    synced_at,
    valid_from,
    valid_to,
    CAST(NULL AS TEXT) AS extra,
    total,
    recipients,
    CAST(NULL AS BIGINT) AS attempts,
    unaddressable,
    scheduled,
    queued,
    sent,
    CAST(NULL AS BIGINT) AS delivered,
    CAST(NULL AS BIGINT) AS read,
    CAST(NULL AS BIGINT) AS undelivered,
    failed,
    canceled,
    CAST(NULL AS BIGINT) AS opened
  FROM {{ source("comms", "push_notification_operation_history") }} AS push_notification_operation_history
) AS each_channel
