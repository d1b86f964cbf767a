{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel, day and age: by how much the known figures of the day change at that age.
-- A state adds its figures when it begins. It subtracts them when the next one begins, or when the
-- operation was last seen, because later figures are not known. An operation that was seen in its last
-- day is known for good.
-- Generated from sql/intermediate/int_age_changes.sql: do not edit.
WITH seen AS (
  SELECT
    account,
    channel,
    id,
    NOT (
      COALESCE(status IN ('SCHEDULED', 'PROCESSING'), FALSE)
    )
    AND (
      (
        CAST((
          DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
        ) AS DOUBLE PRECISION) / 3600
      ) >= {{ comms_source.retention_hours() }} - 24
    ) AS is_known_for_good,
    CASE
      WHEN (
        (
          CAST((
            DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
          ) AS DOUBLE PRECISION) / 3600
        ) >= {{ comms_source.retention_hours() }} - 24
      )
      THEN 13
      ELSE (
        CASE
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 0.25
          THEN 1
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 1
          THEN 2
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 3
          THEN 3
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 6
          THEN 4
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 12
          THEN 5
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 24
          THEN 6
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 48
          THEN 7
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 72
          THEN 8
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 96
          THEN 9
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 120
          THEN 10
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 144
          THEN 11
          WHEN (
            CAST((
              DATE_PART('epoch', synced_at) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) < 168
          THEN 12
          ELSE 13
        END
      )
    END AS last_step
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
), states AS (
  SELECT
    account,
    channel,
    channel_order,
    id,
    (
      CAST(created_at AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    ) AS day,
    created_at < (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    )
    AND created_at >= (
      CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
    ) - INTERVAL '672 HOUR' AS is_of_curve_weeks,
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
    ) AS from_step,
    COALESCE(
      (
        CASE
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 0.25
          THEN 1
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 1
          THEN 2
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 3
          THEN 3
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 6
          THEN 4
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 12
          THEN 5
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 24
          THEN 6
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 48
          THEN 7
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 72
          THEN 8
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 96
          THEN 9
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 120
          THEN 10
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 144
          THEN 11
          WHEN (
            CAST((
              DATE_PART('epoch', valid_to) - DATE_PART('epoch', created_at)
            ) AS DOUBLE PRECISION) / 3600
          ) <= 168
          THEN 12
          ELSE 13
        END
      ),
      13
    ) AS to_step,
    CASE WHEN is_counted THEN requested END AS requested,
    attempted,
    delivered_low,
    delivered_high,
    not_delivered,
    outstanding_low,
    outstanding_high,
    CASE WHEN is_counted THEN engaged END AS engaged,
    (
      COALESCE(delivered_low + not_delivered, offered)
    ) AS outcomes
  FROM {{ ref("comms_source", "int_outcomes") }} AS int_outcomes
  WHERE
    NOT is_current
), spans AS (
  SELECT
    states.*,
    states.is_of_curve_weeks AND seen.is_known_for_good AS is_in_curve,
    (
      CASE
        WHEN states.to_step <= seen.last_step
        THEN states.to_step
        WHEN states.to_step > seen.last_step
        THEN seen.last_step
      END
    ) AS end_step
  FROM states
  INNER JOIN seen
    ON states.account = seen.account
    AND states.channel = seen.channel
    AND states.id = seen.id
), changes AS (
  SELECT
    *,
    from_step AS step,
    1 AS direction
  FROM spans
  WHERE
    from_step < end_step
  UNION ALL
  SELECT
    *,
    end_step AS step,
    -1 AS direction
  FROM spans
  WHERE
    from_step < end_step
)
SELECT
  account,
  channel,
  channel_order,
  day,
  is_in_curve,
  step,
  (
    CAST(SUM(direction) AS BIGINT)
  ) AS operations,
  (
    CAST(SUM((
      direction * requested
    )) AS BIGINT)
  ) AS requested,
  (
    CAST(SUM((
      direction * attempted
    )) AS BIGINT)
  ) AS attempted,
  (
    CAST(SUM((
      direction * delivered_low
    )) AS BIGINT)
  ) AS delivered_low,
  (
    CAST(SUM((
      direction * delivered_high
    )) AS BIGINT)
  ) AS delivered_high,
  (
    CAST(SUM((
      direction * not_delivered
    )) AS BIGINT)
  ) AS not_delivered,
  (
    CAST(SUM((
      direction * outstanding_low
    )) AS BIGINT)
  ) AS outstanding_low,
  (
    CAST(SUM((
      direction * outstanding_high
    )) AS BIGINT)
  ) AS outstanding_high,
  (
    CAST(SUM((
      direction * engaged
    )) AS BIGINT)
  ) AS engaged,
  (
    CAST(SUM((
      direction * outcomes
    )) AS BIGINT)
  ) AS outcomes,
  (
    CAST(SUM((
      direction * (
        CASE WHEN NOT requested IS NULL THEN 1 ELSE 0 END
      )
    )) AS BIGINT)
  ) AS with_requested,
  (
    CAST(SUM((
      direction * (
        CASE WHEN NOT attempted IS NULL THEN 1 ELSE 0 END
      )
    )) AS BIGINT)
  ) AS with_attempted,
  (
    CAST(SUM(
      (
        direction * (
          CASE WHEN NOT delivered_low IS NULL THEN 1 ELSE 0 END
        )
      )
    ) AS BIGINT)
  ) AS with_delivered,
  (
    CAST(SUM((
      direction * (
        CASE WHEN NOT engaged IS NULL THEN 1 ELSE 0 END
      )
    )) AS BIGINT)
  ) AS with_engaged,
  (
    CAST(SUM((
      direction * (
        CASE WHEN NOT outcomes IS NULL THEN 1 ELSE 0 END
      )
    )) AS BIGINT)
  ) AS with_outcomes
FROM changes
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6
