{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per tag, value, account and channel: what happened to the operations that carry it.
-- An operation counts by its counters if all its resources carry the tag with this value, or if only its
-- first resource was looked at. If only some do, its counters are left out, and the columns of resources
-- count those that do. An operation with several tags counts in each of them.
-- Generated from sql/marts/delivery_by_tag.sql: do not edit.
SELECT
  tag,
  value,
  account,
  channel,
  channel_order,
  first_created_at,
  last_created_at,
  (
    CASE finality_order
      WHEN 1
      THEN 'in_progress'
      WHEN 2
      THEN 'settling'
      WHEN 3
      THEN 'settled'
      WHEN 4
      THEN 'frozen'
      WHEN 5
      THEN 'final'
    END
  ) AS finality,
  finality_order,
  operations,
  counted_operations,
  active_operations,
  completed_operations,
  canceled_operations,
  frozen_operations,
  requested,
  recipients,
  attempts,
  unaddressable,
  scheduled,
  queued,
  api_sent,
  api_delivered,
  read,
  opened,
  engaged,
  undelivered,
  failed,
  canceled,
  delivered,
  delivered_low,
  delivered_high,
  not_delivered,
  attempted,
  in_flight,
  in_flight_low,
  in_flight_high,
  unconfirmed,
  unconfirmed_low,
  unconfirmed_high,
  accepted,
  offered,
  (
    CASE
      WHEN attempted <= 0
      THEN NULL
      WHEN delivered > attempted
      THEN 1.0
      ELSE CAST(delivered AS DOUBLE PRECISION) / attempted
    END
  ) AS delivery_rate,
  delivery_rate_low,
  delivery_rate_high,
  (
    CASE
      WHEN delivery_rate_of_known_low = delivery_rate_of_known_high
      THEN delivery_rate_of_known_low
    END
  ) AS delivery_rate_of_known,
  delivery_rate_of_known_low,
  delivery_rate_of_known_high,
  (
    CASE
      WHEN attempted <= 0
      THEN NULL
      WHEN unconfirmed > attempted
      THEN 1.0
      ELSE CAST(unconfirmed AS DOUBLE PRECISION) / attempted
    END
  ) AS unconfirmed_rate,
  unconfirmed_rate_low,
  unconfirmed_rate_high,
  undelivered_rate,
  failed_rate,
  (
    CASE
      WHEN delivered <= 0
      THEN NULL
      WHEN engaged > delivered
      THEN 1.0
      ELSE CAST(engaged AS DOUBLE PRECISION) / delivered
    END
  ) AS engagement_rate,
  engagement_rate_low,
  engagement_rate_high,
  (
    CASE
      WHEN delivered <= 0
      THEN NULL
      WHEN read > delivered
      THEN 1.0
      ELSE CAST(read AS DOUBLE PRECISION) / delivered
    END
  ) AS read_rate,
  read_rate_low,
  read_rate_high,
  (
    CASE
      WHEN delivered <= 0
      THEN NULL
      WHEN opened > delivered
      THEN 1.0
      ELSE CAST(opened AS DOUBLE PRECISION) / delivered
    END
  ) AS open_rate,
  open_rate_low,
  open_rate_high,
  acceptance_rate,
  unaddressable_rate,
  cancel_rate,
  attempts_per_resource,
  partial_operations,
  resources,
  resources_attempted,
  resources_delivered,
  resources_not_delivered,
  resource_delivery_rate,
  operations_without_details
FROM {{ ref("comms_source", "int_detail_groups") }} AS int_detail_groups
WHERE
  is_tag
