{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation and sender: how many of its resources have which status.
-- Generated from sql/intermediate/int_resource_sums.sql: do not edit.
SELECT
  account,
  channel,
  operation_id,
  sub_channel,
  sender,
  sender_id,
  sender_pool_id,
  COUNT(*) AS resources,
  (
    CAST(SUM(scheduled) AS BIGINT)
  ) AS scheduled,
  (
    CAST(SUM(queued) AS BIGINT)
  ) AS queued,
  (
    CAST(SUM(sent) AS BIGINT)
  ) AS sent,
  (
    CAST(SUM(delivered) AS BIGINT)
  ) AS delivered,
  (
    CAST(SUM(engaged) AS BIGINT)
  ) AS engaged,
  (
    CAST(SUM(undelivered) AS BIGINT)
  ) AS undelivered,
  (
    CAST(SUM(failed) AS BIGINT)
  ) AS failed,
  (
    CAST(SUM(canceled) AS BIGINT)
  ) AS canceled
FROM {{ ref("comms_source", "stg_resources") }} AS stg_resources
GROUP BY
  account,
  channel,
  operation_id,
  sub_channel,
  sender,
  sender_id,
  sender_pool_id
