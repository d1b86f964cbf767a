-- Shared expressions of the views; they are expanded when the views are created.

-- a valid counter, or NULL
create macro counter(value) as case when value between 0 and 1000000000000 then value end;
create macro is_invalid_counter(value) as value not between 0 and 1000000000000;

-- a part of a whole: from 0 to 1, NULL where there is no whole
create macro share(part, whole) as
case when whole <= 0 then null when part > whole then 1.0 else cast(part as double) / whole end;

-- an interval as one number, NULL where its ends differ
create macro point(low, high) as case when low = high then low end;

-- NULL if either is
create macro smaller(one, other) as case when one <= other then one when one > other then other end;
create macro larger(one, other) as case when one >= other then one when one < other then other end;

-- 0 for a channel without this counter; for other channels a missing counter is not known
create macro or_none(is_documented, value) as
case when is_documented then value else coalesce(value, 0) end;

create macro hours_between(first, last) as (epoch(last) - epoch(first)) / 3600;
create macro local_time(instant) as instant at time zone $time_zone;
create macro local_day(instant) as cast(instant at time zone $time_zone as date);
create macro is_active(status) as coalesce(status in ('SCHEDULED', 'PROCESSING'), false);
create macro is_ended(status) as coalesce(status in ('COMPLETED', 'CANCELED'), false);
create macro big_sum(value) as cast(sum(value) as bigint);

-- 1 where a condition holds, to be summed
create macro ones(holds) as case when holds then 1 else 0 end;
create macro count_of(holds) as cast(count(case when holds then 1 end) as bigint);

-- seconds since 1970 of a time on the wall clock of the reporting time zone
create macro wall_clock_seconds(clock) as wall_clock_epoch(clock, $time_zone);

-- the length of the overlap of two ranges of time
create macro overlap(start, finish, other_start, other_finish) as
case
    when smaller(finish, other_finish) > larger(start, other_start)
        then smaller(finish, other_finish) - larger(start, other_start)
    else 0
end;

create macro finality_name(finality_order) as
case finality_order
    when 1 then 'in_progress'
    when 2 then 'settling'
    when 3 then 'settled'
    when 4 then 'frozen'
    when 5 then 'final'
end;

-- the steps of the view int_ages: the first age not below this age, and the first one above it
create macro age_step(age) as
case
    when age <= 0.25 then 1
    when age <= 1 then 2
    when age <= 3 then 3
    when age <= 6 then 4
    when age <= 12 then 5
    when age <= 24 then 6
    when age <= 48 then 7
    when age <= 72 then 8
    when age <= 96 then 9
    when age <= 120 then 10
    when age <= 144 then 11
    when age <= 168 then 12
    else 13
end;
create macro age_step_after(age) as
case
    when age < 0.25 then 1
    when age < 1 then 2
    when age < 3 then 3
    when age < 6 then 4
    when age < 12 then 5
    when age < 24 then 6
    when age < 48 then 7
    when age < 72 then 8
    when age < 96 then 9
    when age < 120 then 10
    when age < 144 then 11
    when age < 168 then 12
    else 13
end;

-- sends by their number of recipients
create macro size_step(recipients) as
case
    when recipients < 1 then 1
    when recipients = 1 then 2
    when recipients <= 10 then 3
    when recipients <= 100 then 4
    when recipients <= 1000 then 5
    when recipients > 1000 then 6
    else 7
end;
create macro size_name(size_order) as
case size_order
    when 1 then 'none'
    when 2 then '1'
    when 3 then '2 to 10'
    when 4 then '11 to 100'
    when 5 then '101 to 1000'
    when 6 then 'over 1000'
    else 'not known'
end;

create macro was_seen_last_day(created_at, synced_at) as
hours_between(created_at, synced_at) >= $retention_hours - 24;
create macro outcomes(delivered, not_delivered, offered) as
coalesce(delivered + not_delivered, offered);

create macro seconds_between(first, last) as epoch(last) - epoch(first);

-- a sum over the operations that have all their status counters, so that rates of sums are correct
create macro counted_sum(value) as cast(sum(case when is_counted then value end) as bigint);

-- a sum of changes up to an age, if the value is known for any operation by then
create macro known_sum(value, known_operations) as
case when sum(known_operations) > 0 then cast(sum(value) as bigint) end;

-- the same, over the operations that belong to the group as a whole
create macro whole_sum(value) as
cast(sum(case when is_counted and is_whole then value end) as bigint);

-- whether tags, a JSON object of texts, hold a tag with this value; neither holds a quote or a backslash
create macro has_tag(tags, tag, value) as
strpos(replace(tags, '": "', '":"'), '"' || tag || '":"' || value || '"') > 0;

-- the counter mode of a channel, from the share of decisive operations that are exclusive
create macro mode_of(exclusive_share) as
case
    when exclusive_share >= 0.99 then 'exclusive'
    when exclusive_share <= 0.01 then 'cumulative'
    else 'undecided'
end;
