{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per attempt at sending a message that was failed or undelivered when it was read.
-- Generated from sql/staging/stg_attempts.sql: do not edit.
SELECT
  account,
  channel,
  channel_order,
  operation_id,
  message_id,
  attempt,
  status,
  error_code,
  error_message,
  COALESCE(attempted_at, synced_at) AS seen_at
FROM (
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode,
    account,
    message_id,
    operation_id,
    attempt,
    status,
    sub_channel,
    sender,
    sender_id,
    error_code,
    error_message,
    error_url,
    attempted_at,
    synced_at
  FROM {{ source("comms", "message_attempts") }} AS message_attempts
) AS each_attempt
