{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per account, channel and error code: why messages, emails and pushes failed, in plain words.
-- Of the operations of the last 30 days. The error of the last attempt counts. Not every failed message is
-- asked about: asked and not_asked show how large the sample is. Failures without a code share one row.
-- Generated from sql/marts/error_codes.sql: do not edit.
WITH recent AS (
  SELECT
    *
  FROM {{ ref("comms_source", "int_failures") }} AS int_failures
  WHERE
    created_at >= CURRENT_TIMESTAMP - INTERVAL '720 HOUR'
), codes AS (
  SELECT
    account,
    channel,
    channel_order,
    error_code,
    MAX(error_message) AS error_message,
    COUNT(DISTINCT CASE WHEN part = 'cause' THEN operation_id END) AS operations,
    COALESCE(
      (
        CAST(SUM((
          CASE WHEN part = 'cause' THEN resources END
        )) AS BIGINT)
      ),
      0
    ) AS resources,
    COUNT(DISTINCT CASE WHEN part = 'cause' THEN recipient END) + COALESCE(
      (
        CAST(SUM((
          CASE WHEN part = 'cause' AND recipient IS NULL THEN resources END
        )) AS BIGINT)
      ),
      0
    ) AS recipients,
    (
      CAST(SUM((
        CASE WHEN part = 'cause' OR failed IS NULL THEN failed ELSE 0 END
      )) AS BIGINT)
    ) AS failed,
    (
      CAST(SUM(
        (
          CASE WHEN part = 'cause' OR undelivered IS NULL THEN undelivered ELSE 0 END
        )
      ) AS BIGINT)
    ) AS undelivered,
    (
      CAST(COUNT(CASE WHEN (
        part = 'recovered'
      ) THEN 1 END) AS BIGINT)
    ) AS recovered,
    (
      CAST(COUNT(CASE WHEN (
        part = 'earlier'
      ) THEN 1 END) AS BIGINT)
    ) AS earlier,
    MIN(first_seen_at) AS first_seen_at,
    MAX(last_seen_at) AS last_seen_at
  FROM recent
  GROUP BY
    account,
    channel,
    channel_order,
    error_code
), samples AS (
  SELECT
    account,
    channel,
    (
      CAST(SUM(not_asked) AS BIGINT)
    ) AS not_asked
  FROM {{ ref("comms_source", "stg_operation_details") }} AS stg_operation_details
  WHERE
    kind = 'errors' AND created_at >= CURRENT_TIMESTAMP - INTERVAL '720 HOUR'
  GROUP BY
    account,
    channel
), placed AS (
  SELECT
    codes.*,
    samples.not_asked,
    CAST(SUM(resources) OVER (PARTITION BY codes.account, codes.channel) AS BIGINT) AS asked,
    ROW_NUMBER() OVER (
      PARTITION BY codes.account, codes.channel
      ORDER BY resources DESC NULLS LAST, recovered DESC NULLS LAST, earlier DESC NULLS LAST, COALESCE(error_code, 0) ASC
    ) AS place
  FROM codes
  INNER JOIN samples
    ON codes.account = samples.account AND codes.channel = samples.channel
)
SELECT
  account,
  channel,
  channel_order,
  place,
  placed.error_code,
  COALESCE(causes.cause, error_message) AS cause,
  CASE
    WHEN failed > 0 AND undelivered > 0
    THEN 'both'
    WHEN failed > 0
    THEN 'failed'
    WHEN undelivered > 0
    THEN 'undelivered'
  END AS kind,
  resources,
  failed,
  undelivered,
  operations,
  recipients,
  asked,
  (
    CASE
      WHEN asked <= 0
      THEN NULL
      WHEN resources > asked
      THEN 1.0
      ELSE CAST(resources AS DOUBLE PRECISION) / asked
    END
  ) AS share,
  not_asked,
  recovered,
  earlier,
  first_seen_at,
  last_seen_at,
  'https://www.twilio.com/docs/api/errors/' || CAST(placed.error_code AS TEXT) AS error_url
FROM placed
LEFT JOIN (
  SELECT
    CAST(20429 AS BIGINT) AS error_code,
    'Requests came faster than the API accepts them' AS cause
  UNION ALL
  SELECT
    CAST(21211 AS BIGINT) AS error_code,
    'The recipient''s number is not a valid phone number' AS cause
  UNION ALL
  SELECT
    CAST(21408 AS BIGINT) AS error_code,
    'The account may not send to this country; it can be enabled in the Console' AS cause
  UNION ALL
  SELECT
    CAST(21606 AS BIGINT) AS error_code,
    'The sender''s number cannot send such messages' AS cause
  UNION ALL
  SELECT
    CAST(21610 AS BIGINT) AS error_code,
    'The recipient has unsubscribed from this sender' AS cause
  UNION ALL
  SELECT
    CAST(21611 AS BIGINT) AS error_code,
    'Too many messages already wait to be sent from this number' AS cause
  UNION ALL
  SELECT
    CAST(21612 AS BIGINT) AS error_code,
    'This sender cannot reach this recipient' AS cause
  UNION ALL
  SELECT
    CAST(21614 AS BIGINT) AS error_code,
    'The recipient''s number is not a mobile number' AS cause
  UNION ALL
  SELECT
    CAST(21617 AS BIGINT) AS error_code,
    'The text is too long' AS cause
  UNION ALL
  SELECT
    CAST(30001 AS BIGINT) AS error_code,
    'Too many messages were waiting for this sender, and this one was dropped' AS cause
  UNION ALL
  SELECT
    CAST(30002 AS BIGINT) AS error_code,
    'The account was suspended before the message was sent' AS cause
  UNION ALL
  SELECT
    CAST(30003 AS BIGINT) AS error_code,
    'The recipient''s phone is switched off or out of reach' AS cause
  UNION ALL
  SELECT
    CAST(30004 AS BIGINT) AS error_code,
    'The recipient or the carrier blocks such messages' AS cause
  UNION ALL
  SELECT
    CAST(30005 AS BIGINT) AS error_code,
    'The recipient''s number is not known, or no longer in use' AS cause
  UNION ALL
  SELECT
    CAST(30006 AS BIGINT) AS error_code,
    'The number is a landline, or its carrier cannot be reached' AS cause
  UNION ALL
  SELECT
    CAST(30007 AS BIGINT) AS error_code,
    'Twilio or the carrier filtered the message as unwanted' AS cause
  UNION ALL
  SELECT
    CAST(30008 AS BIGINT) AS error_code,
    'Not delivered; the carrier gave no reason' AS cause
  UNION ALL
  SELECT
    CAST(30009 AS BIGINT) AS error_code,
    'A part of a long message did not arrive' AS cause
  UNION ALL
  SELECT
    CAST(30010 AS BIGINT) AS error_code,
    'The message costs more than the maximum price that was set for it' AS cause
  UNION ALL
  SELECT
    CAST(30011 AS BIGINT) AS error_code,
    'The recipient''s number cannot receive media in this region' AS cause
  UNION ALL
  SELECT
    CAST(30017 AS BIGINT) AS error_code,
    'The carrier''s network was congested' AS cause
  UNION ALL
  SELECT
    CAST(30018 AS BIGINT) AS error_code,
    'The carrier accepts registered sender names only' AS cause
  UNION ALL
  SELECT
    CAST(30019 AS BIGINT) AS error_code,
    'The message is larger than the carrier allows' AS cause
  UNION ALL
  SELECT
    CAST(30022 AS BIGINT) AS error_code,
    'The registered US campaign sends faster than the carriers allow' AS cause
  UNION ALL
  SELECT
    CAST(30023 AS BIGINT) AS error_code,
    'The registered US brand reached its limit for the day' AS cause
  UNION ALL
  SELECT
    CAST(30024 AS BIGINT) AS error_code,
    'The carrier does not accept this sender number' AS cause
  UNION ALL
  SELECT
    CAST(30027 AS BIGINT) AS error_code,
    'The registered US brand reached T-Mobile''s limit for the day' AS cause
  UNION ALL
  SELECT
    CAST(30032 AS BIGINT) AS error_code,
    'The toll-free number is not verified' AS cause
  UNION ALL
  SELECT
    CAST(30033 AS BIGINT) AS error_code,
    'The registered US campaign is suspended' AS cause
  UNION ALL
  SELECT
    CAST(30034 AS BIGINT) AS error_code,
    'The US number is not registered for a campaign (A2P 10DLC)' AS cause
  UNION ALL
  SELECT
    CAST(30035 AS BIGINT) AS error_code,
    'The US number is still being set up for its campaign' AS cause
  UNION ALL
  SELECT
    CAST(30036 AS BIGINT) AS error_code,
    'The message could not be sent before its validity ended' AS cause
  UNION ALL
  SELECT
    CAST(61337 AS BIGINT) AS error_code,
    'The recipient''s phone does not have RCS' AS cause
  UNION ALL
  SELECT
    CAST(63001 AS BIGINT) AS error_code,
    'The messaging service did not accept the sender''s credentials' AS cause
  UNION ALL
  SELECT
    CAST(63003 AS BIGINT) AS error_code,
    'The recipient has no address on this messaging service' AS cause
  UNION ALL
  SELECT
    CAST(63005 AS BIGINT) AS error_code,
    'The messaging service did not accept the content' AS cause
  UNION ALL
  SELECT
    CAST(63007 AS BIGINT) AS error_code,
    'The sender is not set up on this messaging service' AS cause
  UNION ALL
  SELECT
    CAST(63008 AS BIGINT) AS error_code,
    'The sender''s setup on the messaging service is wrong' AS cause
  UNION ALL
  SELECT
    CAST(63009 AS BIGINT) AS error_code,
    'The messaging service answered with an error' AS cause
  UNION ALL
  SELECT
    CAST(63010 AS BIGINT) AS error_code,
    'An internal error at Twilio' AS cause
  UNION ALL
  SELECT
    CAST(63012 AS BIGINT) AS error_code,
    'An internal error at the messaging service' AS cause
  UNION ALL
  SELECT
    CAST(63013 AS BIGINT) AS error_code,
    'The message breaks a rule of the messaging service' AS cause
  UNION ALL
  SELECT
    CAST(63014 AS BIGINT) AS error_code,
    'The recipient has blocked the sender' AS cause
  UNION ALL
  SELECT
    CAST(63016 AS BIGINT) AS error_code,
    'A free text was sent outside WhatsApp''s 24 hours; only a template is allowed then' AS cause
  UNION ALL
  SELECT
    CAST(63018 AS BIGINT) AS error_code,
    'Messages were sent faster than the account, the sender or the messaging service allows' AS cause
  UNION ALL
  SELECT
    CAST(63019 AS BIGINT) AS error_code,
    'The media of the message could not be fetched' AS cause
  UNION ALL
  SELECT
    CAST(63024 AS BIGINT) AS error_code,
    'The recipient''s address is not valid on this messaging service' AS cause
  UNION ALL
  SELECT
    CAST(63032 AS BIGINT) AS error_code,
    'WhatsApp does not deliver to this person' AS cause
  UNION ALL
  SELECT
    CAST(63049 AS BIGINT) AS error_code,
    'WhatsApp chose not to deliver this marketing message' AS cause
) AS causes
  ON placed.error_code = causes.error_code
