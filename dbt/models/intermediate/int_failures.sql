{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per message, error code and part that the error played; of a channel without attempts, one row per
-- operation and error code of the API's list.
-- The error of the last attempt is why a message failed: the part cause. An error before it has the part
-- recovered if the last attempt did not fail, and earlier if it did.
-- Generated from sql/intermediate/int_failures.sql: do not edit.
WITH asked AS (
  SELECT
    account,
    channel,
    operation_id,
    created_at
  FROM {{ ref("comms_source", "stg_operation_details") }} AS stg_operation_details
  WHERE
    kind = 'errors'
), attempts AS (
  SELECT
    *,
    NOT error_code IS NULL
    OR NOT error_message IS NULL
    OR COALESCE(status IN ('FAILED', 'UNDELIVERED'), FALSE) AS has_failed,
    ROW_NUMBER() OVER (PARTITION BY account, message_id ORDER BY attempt DESC NULLS LAST) AS from_last
  FROM {{ ref("comms_source", "stg_attempts") }} AS stg_attempts
), ends AS (
  SELECT
    *,
    MAX((
      CASE WHEN (
        from_last = 1 AND has_failed
      ) THEN 1 ELSE 0 END
    )) OVER (PARTITION BY account, message_id) AS last_failed
  FROM attempts
), parts AS (
  SELECT
    *,
    CASE
      WHEN from_last = 1
      THEN 'cause'
      WHEN last_failed = 1
      THEN 'earlier'
      ELSE 'recovered'
    END AS part
  FROM ends
  WHERE
    has_failed
), of_messages AS (
  SELECT
    account,
    channel,
    channel_order,
    operation_id,
    message_id,
    error_code,
    part,
    MAX(error_message) AS error_message,
    MAX((
      CASE WHEN (
        status = 'FAILED'
      ) THEN 1 ELSE 0 END
    )) AS failed,
    MAX((
      CASE WHEN (
        status = 'UNDELIVERED'
      ) THEN 1 ELSE 0 END
    )) AS undelivered,
    MIN(seen_at) AS first_seen_at,
    MAX(seen_at) AS last_seen_at
  FROM parts
  GROUP BY
    account,
    channel,
    channel_order,
    operation_id,
    message_id,
    error_code,
    part
)
SELECT
  of_messages.account,
  of_messages.channel,
  of_messages.channel_order,
  of_messages.operation_id,
  asked.created_at,
  of_messages.error_code,
  of_messages.error_message,
  of_messages.part,
  CAST(1 AS BIGINT) AS resources,
  of_messages.failed,
  of_messages.undelivered,
  stg_resources.recipient,
  of_messages.first_seen_at,
  of_messages.last_seen_at
FROM of_messages
INNER JOIN asked
  ON of_messages.account = asked.account
  AND of_messages.channel = asked.channel
  AND of_messages.operation_id = asked.operation_id
LEFT JOIN {{ ref("comms_source", "stg_resources") }} AS stg_resources
  ON of_messages.account = stg_resources.account
  AND of_messages.channel = stg_resources.channel
  AND of_messages.message_id = stg_resources.id
UNION ALL
SELECT
  errors.account,
  errors.channel,
  channels.channel_order,
  errors.operation_id,
  asked.created_at,
  errors.error_code,
  errors.error_message,
  'cause' AS part,
  errors.occurrences AS resources,
  CAST(NULL AS INT) AS failed,
  CAST(NULL AS INT) AS undelivered,
  CAST(NULL AS TEXT) AS recipient,
  errors.synced_at AS first_seen_at,
  errors.synced_at AS last_seen_at
FROM {{ ref("comms_source", "stg_operation_errors") }} AS errors
INNER JOIN (
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode
  UNION ALL
  SELECT
    'emails' AS channel,
    CAST(2 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode
  UNION ALL
  SELECT
    'push_notifications' AS channel,
    CAST(3 AS BIGINT) AS channel_order,
    FALSE AS has_outcomes,
    FALSE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode
) AS channels
  ON errors.channel = channels.channel AND NOT channels.has_attempts
INNER JOIN asked
  ON errors.account = asked.account
  AND errors.channel = asked.channel
  AND errors.operation_id = asked.operation_id
