{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation whose resources were read in its present state: its counters beside theirs.
-- The state is the same if the operation has not been seen to change since its resources were read. An
-- operation with rows that could not be read, or that are not stored, is left out.
-- Generated from sql/intermediate/int_resource_checks.sql: do not edit.
WITH changes AS (
  SELECT
    account,
    channel,
    id,
    MAX(synced_at) AS changed_at
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    NOT is_current AND valid_to IS NULL
  GROUP BY
    account,
    channel,
    id
), sums AS (
  SELECT
    account,
    channel,
    operation_id,
    (
      CAST(SUM(resources) AS BIGINT)
    ) AS resources,
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
  FROM {{ ref("comms_source", "int_resource_sums") }} AS int_resource_sums
  GROUP BY
    account,
    channel,
    operation_id
), compared AS (
  SELECT
    operations.account,
    operations.channel,
    operations.channel_order,
    operations.id,
    operations.status,
    operations.created_at,
    operations.synced_at,
    COALESCE(changes.changed_at, operations.synced_at) AS changed_at,
    known.resources_read_at,
    operations.requested,
    operations.scheduled,
    operations.queued,
    operations.api_sent,
    operations.api_delivered,
    operations.engaged,
    operations.undelivered,
    operations.known_delivered,
    operations.known_engaged,
    operations.known_undelivered,
    operations.failed,
    operations.canceled,
    sums.resources,
    sums.scheduled AS resources_scheduled,
    sums.queued AS resources_queued,
    sums.sent AS resources_sent,
    sums.delivered AS resources_delivered,
    sums.engaged AS resources_engaged,
    sums.undelivered AS resources_undelivered,
    sums.failed AS resources_failed,
    sums.canceled AS resources_canceled
  FROM {{ ref("comms_source", "int_counter_sums") }} AS operations
  INNER JOIN {{ ref("comms_source", "int_known_details") }} AS known
    ON operations.account = known.account
    AND operations.channel = known.channel
    AND operations.id = known.operation_id
  INNER JOIN sums
    ON operations.account = sums.account
    AND operations.channel = sums.channel
    AND operations.id = sums.operation_id
  LEFT JOIN changes
    ON operations.account = changes.account
    AND operations.channel = changes.channel
    AND operations.id = changes.id
  WHERE
    operations.is_current
    AND operations.is_counted
    AND known.resources = sums.resources
    AND known.rejected = 0
), differences AS (
  SELECT
    *,
    ABS(scheduled - resources_scheduled) + ABS(queued - resources_queued) + ABS(known_engaged - resources_engaged) + ABS(known_undelivered - resources_undelivered) + ABS(failed - resources_failed) + ABS(canceled - resources_canceled) AS difference_of_both,
    resources_delivered + resources_engaged AS resources_reached
  FROM compared
  WHERE
    changed_at <= resources_read_at
)
SELECT
  *,
  difference_of_both + ABS(api_sent - resources_sent) + ABS(known_delivered - resources_delivered) AS difference_exclusive,
  difference_of_both + ABS(api_sent - resources_sent - resources_reached - resources_undelivered) + ABS(known_delivered - resources_reached) AS difference_cumulative
FROM differences
