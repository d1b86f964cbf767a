{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation and error in the API's list of its errors.
-- Generated from sql/staging/stg_operation_errors.sql: do not edit.
SELECT
  account,
  channel,
  operation_id,
  error_code,
  error_message,
  occurrences,
  synced_at
FROM {{ source("comms", "operation_errors") }} AS operation_errors
