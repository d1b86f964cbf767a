{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation, tag and value. The column resources is NULL where only the first resource of the
-- operation was looked at.
-- Generated from sql/staging/stg_operation_tags.sql: do not edit.
SELECT
  account,
  channel,
  operation_id,
  tag,
  value,
  resources
FROM {{ source("comms", "operation_tags") }} AS operation_tags
