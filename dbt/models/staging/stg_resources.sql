{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per message, email or push notification behind an operation, as it was last read. Without
-- those that the last reading of the operation did not list any more, such as a scheduled message whose
-- recipient turned out to have no address; they stay in the tables, with an earlier synced_at.
-- Exactly one of the numbers from scheduled to canceled is 1, as in the counters of an operation in
-- exclusive mode. All are 0 for a status that no counter counts, such as that of a group message.
-- Generated from sql/staging/stg_resources.sql: do not edit.
SELECT
  listed.account,
  listed.channel,
  listed.channel_order,
  listed.has_outcomes,
  listed.operation_id,
  listed.id,
  listed.status,
  listed.sub_channel,
  listed.sender,
  listed.sender_id,
  listed.sender_pool_id,
  listed.recipient,
  listed.tags,
  listed.scheduled_for,
  (
    CASE WHEN (
      listed.status = 'SCHEDULED'
    ) THEN 1 ELSE 0 END
  ) AS scheduled,
  (
    CASE WHEN (
      listed.status = 'QUEUED'
    ) THEN 1 ELSE 0 END
  ) AS queued,
  (
    CASE WHEN (
      listed.status = 'SENT'
    ) THEN 1 ELSE 0 END
  ) AS sent,
  (
    CASE WHEN (
      listed.status = 'DELIVERED'
    ) THEN 1 ELSE 0 END
  ) AS delivered,
  (
    CASE WHEN listed.status IN ('READ', 'OPENED') THEN 1 ELSE 0 END
  ) AS engaged,
  (
    CASE WHEN (
      listed.status = 'UNDELIVERED'
    ) THEN 1 ELSE 0 END
  ) AS undelivered,
  (
    CASE WHEN (
      listed.status = 'FAILED'
    ) THEN 1 ELSE 0 END
  ) AS failed,
  (
    CASE WHEN (
      listed.status = 'CANCELED'
    ) THEN 1 ELSE 0 END
  ) AS canceled
FROM (
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode,
    id,
    account,
    operation_id,
    status,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    recipient,
    recipients,
    receipts,
    tags,
    scheduled_for,
    created_at,
    updated_at,
    deleted_at,
    synced_at,
    extra
  FROM {{ source("comms", "messages") }} AS messages
  UNION ALL
  SELECT
    'emails' AS channel,
    CAST(2 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode,
    id,
    account,
    operation_id,
    status,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    recipient,
    recipients,
    receipts,
    tags,
    scheduled_for,
    created_at,
    updated_at,
    deleted_at,
    synced_at,
    extra
  FROM {{ source("comms", "emails") }} AS emails
  UNION ALL
  SELECT
    'push_notifications' AS channel,
    CAST(3 AS BIGINT) AS channel_order,
    FALSE AS has_outcomes,
    FALSE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode,
    id,
    account,
    operation_id,
    status,
    sub_channel,
    sender,
    sender_id,
    sender_pool_id,
    recipient,
    recipients,
    receipts,
    tags,
    scheduled_for,
    created_at,
    updated_at,
    deleted_at,
    synced_at,
    extra
  FROM {{ source("comms", "push_notifications") }} AS push_notifications
) AS listed
LEFT JOIN {{ source("comms", "operation_details") }} AS operation_details
  ON listed.account = operation_details.account
  AND listed.channel = operation_details.channel
  AND listed.operation_id = operation_details.operation_id
  AND operation_details.kind = 'resources'
WHERE
  operation_details.read_at IS NULL
  OR listed.synced_at >= operation_details.read_at
