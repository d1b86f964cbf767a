{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation whose tags and senders are known: its first resource was looked at, or all of them.
-- Generated from sql/intermediate/int_known_details.sql: do not edit.
SELECT
  account,
  channel,
  operation_id,
  MIN(created_at) AS created_at,
  MAX(CASE WHEN kind = 'resources' THEN resources END) AS resources,
  MAX(CASE WHEN kind = 'resources' THEN read_at END) AS resources_read_at,
  MAX(CASE WHEN kind = 'resources' THEN rejected END) AS rejected
FROM {{ ref("comms_source", "stg_operation_details") }} AS stg_operation_details
WHERE
  kind IN ('tags', 'resources') AND outcome = 'read'
GROUP BY
  account,
  channel,
  operation_id
