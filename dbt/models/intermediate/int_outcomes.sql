{{ config(enabled=var('comms_views') == 'models') }}

-- One row per operation and state, with the outcomes of its resources in the counter mode that fits.
-- If a status counter or the number of resources is missing, the outcomes are NULL. Where the mode is
-- undecided, a figure is an interval.
-- Generated from sql/intermediate/int_outcomes.sql: do not edit.
WITH modes AS (
  SELECT
    int_counter_sums.*,
    CASE
      WHEN NOT int_counter_sums.pinned_mode IS NULL
      THEN int_counter_sums.pinned_mode
      WHEN rules_out_exclusive AND rules_out_cumulative
      THEN 'undecided'
      WHEN rules_out_exclusive
      THEN 'cumulative'
      WHEN rules_out_cumulative
      THEN 'exclusive'
      ELSE COALESCE(int_counter_modes.counter_mode, 'undecided')
    END AS counter_mode
  FROM {{ ref("comms_source", "int_counter_sums") }} AS int_counter_sums
  LEFT JOIN {{ ref("comms_source", "int_counter_modes") }} AS int_counter_modes
    ON int_counter_sums.account = int_counter_modes.account
    AND int_counter_sums.channel = int_counter_modes.channel
), deliveries AS (
  SELECT
    *,
    rules_out_exclusive AND rules_out_cumulative AS is_inconsistent,
    status_sum - requested AS counter_surplus,
    CASE WHEN is_counted THEN known_undelivered + failed END AS not_delivered,
    CASE
      WHEN NOT is_counted
      THEN NULL
      WHEN counter_mode = 'exclusive'
      THEN api_delivered + known_engaged
      WHEN counter_mode = 'cumulative'
      THEN api_delivered
      ELSE (
        CASE
          WHEN api_delivered >= known_engaged
          THEN api_delivered
          WHEN api_delivered < known_engaged
          THEN known_engaged
        END
      )
    END AS delivered_low,
    CASE
      WHEN NOT is_counted
      THEN NULL
      WHEN counter_mode = 'exclusive'
      THEN api_delivered + known_engaged
      WHEN counter_mode = 'cumulative'
      THEN api_delivered
      ELSE (
        CASE
          WHEN (
            api_delivered + known_engaged
          ) <= requested
          THEN (
            api_delivered + known_engaged
          )
          WHEN (
            api_delivered + known_engaged
          ) > requested
          THEN requested
        END
      )
    END AS delivered_most,
    CASE
      WHEN NOT is_counted
      THEN NULL
      WHEN counter_mode = 'cumulative' OR api_delivered IS NULL
      THEN api_sent
      WHEN counter_mode = 'exclusive'
      OR known_delivered + known_engaged + known_undelivered = 0
      THEN api_sent + api_delivered + known_engaged + known_undelivered
    END AS accepted,
    CASE
      WHEN unaddressable + status_sum <= requested
      THEN unaddressable
      WHEN unaddressable + stage_sum <= requested AND counter_mode = 'cumulative'
      THEN unaddressable
      ELSE 0
    END AS never_attempted
  FROM modes
), attempts AS (
  SELECT
    *,
    accepted + failed AS offered,
    CASE
      WHEN NOT delivered_low IS NULL
      THEN (
        CASE
          WHEN delivered_most >= delivered_low
          THEN delivered_most
          WHEN delivered_most < delivered_low
          THEN delivered_low
        END
      )
    END AS delivered_high,
    CASE
      WHEN NOT delivered_low IS NULL AND status_sum > 0
      THEN (
        CASE
          WHEN (
            requested - waiting - canceled - never_attempted
          ) >= 0
          THEN (
            requested - waiting - canceled - never_attempted
          )
          WHEN (
            requested - waiting - canceled - never_attempted
          ) < 0
          THEN 0
        END
      )
    END AS attempted,
    CASE
      WHEN NOT delivered_low IS NULL
      THEN (
        CASE
          WHEN (
            api_sent - api_delivered - known_undelivered
          ) >= 0
          THEN (
            api_sent - api_delivered - known_undelivered
          )
          WHEN (
            api_sent - api_delivered - known_undelivered
          ) < 0
          THEN 0
        END
      )
    END AS cumulative_outstanding
  FROM deliveries
)
SELECT
  *,
  CASE
    WHEN delivered_low IS NULL
    THEN NULL
    WHEN counter_mode = 'exclusive'
    THEN api_sent
    WHEN is_inconsistent AND counter_mode = 'undecided'
    THEN 0
    ELSE cumulative_outstanding
  END AS outstanding_low,
  CASE
    WHEN delivered_low IS NULL
    THEN NULL
    WHEN counter_mode = 'cumulative'
    THEN cumulative_outstanding
    WHEN is_inconsistent AND counter_mode = 'undecided'
    THEN (
      CASE
        WHEN (
          COALESCE(attempted, 0) - delivered_low - not_delivered
        ) >= 0
        THEN (
          COALESCE(attempted, 0) - delivered_low - not_delivered
        )
        WHEN (
          COALESCE(attempted, 0) - delivered_low - not_delivered
        ) < 0
        THEN 0
      END
    )
    ELSE api_sent
  END AS outstanding_high
FROM attempts
