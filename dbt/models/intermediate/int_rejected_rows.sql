{{ config(enabled=var('comms_views') == 'models') }}

-- One row per row of the API that could not be read, with what became of it.
-- Generated from sql/intermediate/int_rejected_rows.sql: do not edit.
WITH resolved AS (
  SELECT DISTINCT
    rejected_operations.row_key
  FROM {{ source("comms", "rejected_operations") }} AS rejected_operations
  INNER JOIN {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
    ON rejected_operations.account = stg_operation_rows.account
    AND rejected_operations.channel = stg_operation_rows.channel
    AND rejected_operations.operation_id = stg_operation_rows.id
  WHERE
    stg_operation_rows.is_current
    AND stg_operation_rows.synced_at > rejected_operations.synced_at
)
SELECT
  rejected_operations.account,
  rejected_operations.channel,
  rejected_operations.row_key,
  rejected_operations.operation_id,
  rejected_operations.reason,
  rejected_operations.raw,
  rejected_operations.synced_at AS last_synced_at,
  acknowledged_rejections.acknowledged_at,
  CASE
    WHEN NOT resolved.row_key IS NULL
    THEN 'resolved'
    WHEN NOT acknowledged_rejections.subject IS NULL
    THEN 'acknowledged'
    ELSE 'open'
  END AS state
FROM {{ source("comms", "rejected_operations") }} AS rejected_operations
LEFT JOIN resolved
  ON rejected_operations.row_key = resolved.row_key
LEFT JOIN {{ source("comms", "acknowledged_rejections") }} AS acknowledged_rejections
  ON rejected_operations.account = acknowledged_rejections.account
  AND rejected_operations.channel = acknowledged_rejections.channel
  AND COALESCE(rejected_operations.operation_id, rejected_operations.row_key) = acknowledged_rejections.subject
