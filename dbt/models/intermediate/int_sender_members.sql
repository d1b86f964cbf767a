{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation and sender, with the figures of the resources that it sent.
-- An operation is whole if all its resources have this sender, or if only the first resource was looked at.
-- Generated from sql/intermediate/int_sender_members.sql: do not edit.
WITH shares AS (
  SELECT
    *,
    SUM(resources) OVER (PARTITION BY account, channel, operation_id) AS all_resources
  FROM {{ ref("comms_source", "int_resource_sums") }} AS int_resource_sums
)
SELECT
  shares.account,
  shares.channel,
  shares.operation_id,
  shares.sub_channel,
  shares.sender,
  shares.sender_id,
  shares.sender_pool_id,
  shares.resources = all_resources AS is_whole,
  shares.resources,
  delivered + engaged AS resources_delivered,
  undelivered + failed AS resources_not_delivered,
  sent + delivered + engaged + undelivered + failed AS resources_attempted
FROM shares
INNER JOIN {{ ref("comms_source", "int_known_details") }} AS known
  ON shares.account = known.account
  AND shares.channel = known.channel
  AND shares.operation_id = known.operation_id
WHERE
  NOT known.resources IS NULL
UNION ALL
SELECT
  details.account,
  details.channel,
  details.operation_id,
  details.sub_channel,
  details.sender,
  details.sender_id,
  details.sender_pool_id,
  TRUE AS is_whole,
  CAST(NULL AS BIGINT) AS resources,
  CAST(NULL AS BIGINT) AS resources_delivered,
  CAST(NULL AS BIGINT) AS resources_not_delivered,
  CAST(NULL AS BIGINT) AS resources_attempted
FROM {{ ref("comms_source", "stg_operation_details") }} AS details
LEFT JOIN {{ ref("comms_source", "int_known_details") }} AS known
  ON details.account = known.account
  AND details.channel = known.channel
  AND details.operation_id = known.operation_id
WHERE
  details.kind = 'tags' AND details.outcome = 'read' AND known.resources IS NULL
