{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per account and channel: which counter mode the resources of its operations show.
-- An operation is decisive if its counters agree with its resources in one mode only. The channel has a
-- mode if 99 of 100 decisive operations have it.
-- Generated from sql/intermediate/int_resource_modes.sql: do not edit.
WITH agreeing AS (
  SELECT
    account,
    channel,
    channel_order,
    COUNT(*) AS compared_operations,
    (
      CAST(COUNT(
        CASE WHEN (
          difference_exclusive = 0 AND difference_cumulative > 0
        ) THEN 1 END
      ) AS BIGINT)
    ) AS exclusive_only,
    (
      CAST(COUNT(
        CASE WHEN (
          difference_cumulative = 0 AND difference_exclusive > 0
        ) THEN 1 END
      ) AS BIGINT)
    ) AS cumulative_only,
    (
      CAST(COUNT(
        CASE WHEN (
          difference_exclusive = 0 AND difference_cumulative = 0
        ) THEN 1 END
      ) AS BIGINT)
    ) AS either,
    (
      CAST(COUNT(
        CASE WHEN (
          difference_exclusive > 0 AND difference_cumulative > 0
        ) THEN 1 END
      ) AS BIGINT)
    ) AS neither
  FROM {{ ref("comms_source", "int_resource_checks") }} AS int_resource_checks
  GROUP BY
    account,
    channel,
    channel_order
), shares AS (
  SELECT
    *,
    (
      CASE
        WHEN (
          exclusive_only + cumulative_only
        ) <= 0
        THEN NULL
        WHEN exclusive_only > (
          exclusive_only + cumulative_only
        )
        THEN 1.0
        ELSE CAST(exclusive_only AS DOUBLE PRECISION) / (
          exclusive_only + cumulative_only
        )
      END
    ) AS exclusive_share
  FROM agreeing
)
SELECT
  account,
  channel,
  channel_order,
  (
    CASE
      WHEN exclusive_share >= 0.99
      THEN 'exclusive'
      WHEN exclusive_share <= 0.01
      THEN 'cumulative'
      ELSE 'undecided'
    END
  ) AS resource_mode,
  compared_operations,
  exclusive_only,
  cumulative_only,
  either,
  neither
FROM shares
