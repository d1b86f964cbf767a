{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation and kind of details: what was read of them, and when.
-- Generated from sql/staging/stg_operation_details.sql: do not edit.
SELECT
  account,
  channel,
  operation_id,
  kind,
  created_at,
  outcome,
  read_at,
  resources,
  COALESCE(rejected, 0) AS rejected,
  COALESCE(not_asked, 0) AS not_asked,
  sub_channel,
  sender,
  sender_id,
  sender_pool_id
FROM {{ source("comms", "operation_details") }} AS operation_details
