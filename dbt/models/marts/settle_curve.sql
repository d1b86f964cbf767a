{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel and age: how much of the final figures was known at that age.
-- Over operations of four weeks whose retention has ended and that were read in their last day: what the
-- warehouse showed when they were that old, as a share of what it shows now. Operations that were
-- first seen later than an age do not count at that age.
-- Generated from sql/marts/settle_curve.sql: do not edit.
WITH first_steps AS (
  SELECT
    account,
    channel,
    id,
    MIN(
      (
        CASE
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 0.25
          THEN 1
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 1
          THEN 2
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 3
          THEN 3
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 6
          THEN 4
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 12
          THEN 5
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 24
          THEN 6
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 48
          THEN 7
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 72
          THEN 8
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 96
          THEN 9
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 120
          THEN 10
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 144
          THEN 11
          WHEN (
            CAST((
              DATE_PART('epoch', valid_from) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 168
          THEN 12
          ELSE 13
        END
      )
    ) AS step
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    NOT is_current
    AND created_at < (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    )
    AND created_at >= (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    ) - INTERVAL '672 HOUR'
  GROUP BY
    account,
    channel,
    id
), final_sums AS (
  SELECT
    int_outcomes.account,
    int_outcomes.channel,
    first_steps.step,
    SUM(int_outcomes.delivered_low) AS delivered,
    SUM(CASE WHEN is_counted THEN int_outcomes.engaged END) AS engaged,
    SUM((
      COALESCE(delivered_low + not_delivered, offered)
    )) AS outcomes
  FROM {{ ref("comms_source", "int_outcomes") }} AS int_outcomes
  INNER JOIN first_steps
    ON int_outcomes.account = first_steps.account
    AND int_outcomes.channel = first_steps.channel
    AND int_outcomes.id = first_steps.id
  WHERE
    int_outcomes.is_current
    AND created_at < (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    )
    AND created_at >= (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    ) - INTERVAL '672 HOUR'
    AND NOT (
      COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
    )
    AND (
      (
        CAST((
          DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
        ) AS DOUBLE PRECISION) / 3600
      ) >= {{ comms_source.retention_hours() }} - 24
    )
  GROUP BY
    1,
    2,
    3
), final_figures AS (
  SELECT
    final_sums.account,
    final_sums.channel,
    int_ages.step,
    (
      CAST(SUM(final_sums.delivered) AS BIGINT)
    ) AS final_delivered,
    (
      CAST(SUM(final_sums.engaged) AS BIGINT)
    ) AS final_engaged,
    (
      CAST(SUM(final_sums.outcomes) AS BIGINT)
    ) AS final_outcomes
  FROM final_sums
  INNER JOIN {{ ref("comms_source", "int_ages") }} AS int_ages
    ON final_sums.step <= int_ages.step
  GROUP BY
    1,
    2,
    3
), known AS (
  SELECT
    int_age_changes.account,
    int_age_changes.channel,
    int_age_changes.channel_order,
    int_ages.step,
    int_ages.age_hours,
    (
      CAST(SUM(int_age_changes.operations) AS BIGINT)
    ) AS operations,
    (
      CASE WHEN SUM(with_delivered) > 0 THEN CAST(SUM(delivered_low) AS BIGINT) END
    ) AS delivered,
    (
      CASE WHEN SUM(with_engaged) > 0 THEN CAST(SUM(engaged) AS BIGINT) END
    ) AS engaged,
    (
      CASE WHEN SUM(with_outcomes) > 0 THEN CAST(SUM(outcomes) AS BIGINT) END
    ) AS outcomes
  FROM {{ ref("comms_source", "int_age_changes") }} AS int_age_changes
  INNER JOIN {{ ref("comms_source", "int_ages") }} AS int_ages
    ON int_age_changes.step <= int_ages.step
  WHERE
    int_age_changes.is_in_curve
  GROUP BY
    1,
    2,
    3,
    4,
    5
), then_and_now AS (
  SELECT
    known.*,
    final_figures.final_delivered,
    final_figures.final_engaged,
    final_figures.final_outcomes
  FROM known
  INNER JOIN final_figures
    ON known.account = final_figures.account
    AND known.channel = final_figures.channel
    AND known.step = final_figures.step
  WHERE
    known.operations > 0
)
SELECT
  account,
  channel,
  channel_order,
  age_hours,
  operations,
  delivered,
  final_delivered,
  engaged,
  final_engaged,
  outcomes,
  final_outcomes,
  (
    CASE
      WHEN final_outcomes <= 0
      THEN NULL
      WHEN outcomes > final_outcomes
      THEN 1.0
      ELSE CAST(outcomes AS DOUBLE PRECISION) / final_outcomes
    END
  ) AS outcome_share,
  (
    CASE
      WHEN final_delivered <= 0
      THEN NULL
      WHEN delivered > final_delivered
      THEN 1.0
      ELSE CAST(delivered AS DOUBLE PRECISION) / final_delivered
    END
  ) AS delivered_share,
  (
    CASE
      WHEN final_engaged <= 0
      THEN NULL
      WHEN engaged > final_engaged
      THEN 1.0
      ELSE CAST(engaged AS DOUBLE PRECISION) / final_engaged
    END
  ) AS engaged_share
FROM then_and_now
