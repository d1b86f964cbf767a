{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account and channel: how its counters count, as decided by its operations.
-- An operation is decisive if its own counters rule out one mode and not the other. The channel has a
-- mode if 99 of 100 decisive operations have it. If they decide nothing, the resources behind the
-- operations do, where they were read. The setting counter_mode overrules all of them.
-- Generated from sql/intermediate/int_counter_modes.sql: do not edit.
WITH decisive AS (
  SELECT
    account,
    channel,
    channel_order,
    pinned_mode,
    (
      CAST(COUNT(CASE WHEN (
        rules_out_cumulative AND NOT rules_out_exclusive
      ) THEN 1 END) AS BIGINT)
    ) AS exclusive_operations,
    (
      CAST(COUNT(CASE WHEN (
        rules_out_exclusive AND NOT rules_out_cumulative
      ) THEN 1 END) AS BIGINT)
    ) AS cumulative_operations,
    (
      CAST(COUNT(CASE WHEN (
        rules_out_exclusive AND rules_out_cumulative
      ) THEN 1 END) AS BIGINT)
    ) AS inconsistent_operations
  FROM {{ ref("comms_source", "int_counter_sums") }} AS int_counter_sums
  WHERE
    is_current
  GROUP BY
    account,
    channel,
    channel_order,
    pinned_mode
), shares AS (
  SELECT
    *,
    (
      CASE
        WHEN (
          exclusive_operations + cumulative_operations
        ) <= 0
        THEN NULL
        WHEN exclusive_operations > (
          exclusive_operations + cumulative_operations
        )
        THEN 1.0
        ELSE CAST(exclusive_operations AS DOUBLE PRECISION) / (
          exclusive_operations + cumulative_operations
        )
      END
    ) AS exclusive_share
  FROM decisive
), evidence AS (
  SELECT
    shares.*,
    (
      CASE
        WHEN exclusive_share >= 0.99
        THEN 'exclusive'
        WHEN exclusive_share <= 0.01
        THEN 'cumulative'
        ELSE 'undecided'
      END
    ) AS own_mode,
    COALESCE(resource_modes.resource_mode, 'undecided') AS resource_mode
  FROM shares
  LEFT JOIN (
    SELECT
      *
    FROM {{ comms_source.resource_modes() }} AS resource_modes
  ) AS resource_modes
    ON shares.account = resource_modes.account
    AND shares.channel = resource_modes.channel
)
SELECT
  account,
  channel,
  channel_order,
  CASE
    WHEN NOT pinned_mode IS NULL
    THEN pinned_mode
    WHEN own_mode <> 'undecided'
    THEN own_mode
    ELSE resource_mode
  END AS counter_mode,
  pinned_mode,
  exclusive_operations,
  cumulative_operations,
  inconsistent_operations,
  CASE
    WHEN NOT pinned_mode IS NULL
    THEN 'setting'
    WHEN own_mode <> 'undecided'
    THEN 'counters'
    WHEN resource_mode <> 'undecided'
    THEN 'resources'
  END AS decided_by
FROM evidence
