"""The fault matrix: for each fault, the tests that show that the right thing is done: below tests/, `file::test`."""

FAULTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "A worker is killed before its request",
        (
            "faults/test_failpoints::test_at_every_point",
            "klaviyo/delivery/test_workers_that_die::test_a_worker_may_die_at_any_request",
            "integrations/outbox/test_outbox::test_a_claim_counts_the_attempt_and_hands_out_each_row_once",
        ),
    ),
    2: (
        "A worker is killed after its request, before it has noted the answer",
        (
            "faults/test_failpoints::test_with_every_answer",
            "klaviyo/delivery/test_workers_that_die::test_a_worker_may_die_between_an_answer_and_its_record",
            "klaviyo/delivery/test_batches::test_a_request_that_never_ended_stays_unknown_on_the_record",
        ),
    ),
    3: (
        "A worker is killed in the middle of a bulk request",
        (
            "klaviyo/delivery/bulk/test_event_jobs_in_trouble::test_of_which_nobody_knows_is_settled_one_by_one",
            "klaviyo/delivery/bulk/test_event_jobs::test_what_was_tried_before_goes_alone",
        ),
    ),
    4: ("A storm of kills", ("workers/test_workers_in_a_storm::test_a_storm_loses_nothing_and_doubles_nothing",)),
    5: (
        "Redis is flushed",
        (
            "workers/test_workers::test_a_worker_killed_halfway_and_a_broker_that_forgets_everything_lose_nothing",
            "integrations/pacing/test_pacing_redis::test_an_empty_redis_grants_half_the_rate_for_a_minute",
            "integrations/pacing/test_pacing_redis::test_an_emptied_redis_grants_half_the_rate_again",
        ),
    ),
    6: (
        "Redis is down",
        (
            "integrations/outbox/test_outbox_races::test_a_broker_that_is_away_does_not_reach_the_host",
            "faults/test_guessed_passwords::test_wrong_passwords_and_forms_are_counted_whatever_redis_does",
            "integrations/pacing/test_pacing_redis::test_without_redis_each_worker_keeps_to_its_share",
            "workers/test_drain::test_in_a_loop_it_outlives_a_database_and_a_redis_that_go_away",
        ),
    ),
    7: (
        "Redis takes connections and never answers",
        (
            "faults/test_redis_that_never_answers::test_a_visitor_is_answered_in_good_time_and_nothing_is_lost",
            "integrations/pacing/test_pacing_redis::test_a_redis_that_never_answers_costs_half_a_second_once",
        ),
    ),
    8: (
        "A worker is connected, but takes no messages any more",
        (
            "workers/test_drain::test_without_anybody_who_works_the_check_says_so",
            "sorae/test_metrics::test_open_deliveries_and_the_oldest_that_is_due",
            "integrations/pages/test_health::test_a_delivery_due_for_more_than_five_minutes_makes_the_queue_late",
        ),
    ),
    9: (
        "PostgreSQL is down",
        (
            "sorae/test_health_addresses::test_without_its_database_it_lives_and_is_not_ready",
            "workers/test_drain::test_in_a_loop_it_outlives_a_database_and_a_redis_that_go_away",
            "klaviyo/webhooks/test_webhook_receive::test_when_it_cannot_be_stored_it_is_to_be_told_again",
        ),
    ),
    10: (
        "PostgreSQL restarts, and every connection dies",
        (
            "faults/test_databases_that_fail::test_a_restart_under_a_worker_loses_and_doubles_nothing",
            "faults/test_databases_that_fail::test_after_a_restart_the_next_request_is_answered",
        ),
    ),
    11: (
        "A deadlock, or a transaction that cannot be serialised",
        ("faults/test_databases_that_fail::test_a_deadlock_while_an_outcome_is_written_costs_time_and_nothing_else",),
    ),
    12: (
        "A replica takes over that lacks the last commits",
        (
            "klaviyo/delivery/test_workers_that_die::test_a_worker_may_die_between_an_answer_and_its_record",
            "klaviyo/mapping/test_mapping::test_the_same_fact_has_the_same_id_for_ever_and_no_two_share_one",
            "klaviyo/confirmation/test_reconcile::test_what_was_accepted_and_is_there_is_confirmed_by_a_repair_only",
        ),
    ),
    13: (
        "429 with any Retry-After",
        (
            "integrations/wire/test_http::test_retry_after_is_read_in_every_shape",
            "klaviyo/delivery/test_delivery::test_klaviyos_retry_after_is_obeyed_and_costs_no_attempt",
            "integrations/pacing/test_pacing_redis::test_a_block_outlives_the_memory_of_redis_and_reaches_other_workers",
            "klaviyo/delivery/bulk/test_event_jobs_in_trouble::test_being_asked_for_patience_pauses_the_account_and_leaves_rows_alone",
        ),
    ),
    14: (
        "5xx",
        (
            "integrations/outbox/test_outbox::test_retries_wait_longer_each_time_and_end",
            "klaviyo/delivery/test_delivery::test_a_passing_fault_costs_time_but_no_event_and_makes_none_twice",
        ),
    ),
    15: (
        "Nobody listens, no such host, TLS fails",
        (
            "integrations/wire/test_http::test_nobody_listening_is_a_passing_fault",
            "integrations/pauses/test_circuit_breaker::test_it_opens_when_most_of_the_last_minute_failed",
        ),
    ),
    16: (
        "No answer in time",
        (
            "klaviyo/delivery/test_delivery::test_an_outcome_that_nobody_knows_is_on_record",
            "integrations/wire/test_http::test_a_silent_answer_is_not_waited_for_to_the_end",
            "klaviyo/delivery/bulk/test_event_jobs_in_trouble::test_a_time_out_is_settled_one_by_one",
        ),
    ),
    17: (
        "An answer that drips",
        (
            "integrations/wire/test_http::test_a_dripping_answer_does_not_hold_a_worker",
            "integrations/wire/test_http::test_who_takes_nothing_of_a_request_does_not_hold_a_worker",
            "integrations/wire/test_http::test_a_huge_answer_is_not_read",
        ),
    ),
    18: (
        "A body that is cut off, or no JSON",
        (
            "faults/test_malformed_answers::test_no_answer_of_klaviyos_surprises_us",
            "klaviyo/api/test_answers::test_an_accepted_event_is_accepted_whatever_the_body",
            "integrations/connections/test_oauth::test_a_bomb_is_not_unpacked_for_ever",
        ),
    ),
    19: (
        "The answer of the token endpoint breaks off",
        (
            "integrations/connections/test_oauth::test_an_answer_that_breaks_off_leaves_the_grant_uncertain",
            "integrations/connections/test_renewal_failures::test_a_lost_answer_says_so_where_refresh_tokens_rotate",
            "integrations/connections/test_renewal_failures::test_a_lost_answer_is_survived_where_refresh_tokens_stay",
        ),
    ),
    20: (
        "401 in the middle",
        (
            "klaviyo/delivery/test_delivery::test_an_expired_token_is_renewed_and_the_call_made_again",
            "integrations/connections/test_renewal::test_fifty_whose_token_was_refused_make_one_call",
            "klaviyo/delivery/test_delivery::test_access_that_is_refused_even_when_new_asks_for_a_reconnect",
        ),
    ),
    21: (
        "invalid_grant",
        (
            "integrations/connections/test_renewal_failures::test_a_dead_grant_needs_a_reconnect_and_holds_what_waits",
            "integrations/connections/test_renewal_failures::test_a_dead_grant_that_was_replaced_meanwhile_is_no_news",
        ),
    ),
    22: (
        "invalid_client, or the token endpoint is ill",
        (
            "integrations/connections/test_renewal_failures::test_a_providers_bad_day_never_disconnects",
            "integrations/connections/test_oauth::test_each_refusal_says_what_to_do_next",
        ),
    ),
    23: (
        "The app is removed at Klaviyo",
        (
            "integrations/connections/test_health_check::test_an_app_that_was_removed_is_found",
            "klaviyo/test_connecting_to_klaviyo::test_an_app_that_was_uninstalled_needs_a_reconnect",
        ),
    ),
    24: (
        "403 for a missing scope",
        (
            "klaviyo/delivery/test_delivery::test_a_missing_scope_holds_only_what_needs_it",
            "integrations/pages/test_health::test_missing_scopes_are_named",
        ),
    ),
    25: ("403 for another reason", ("klaviyo/api/test_answers::test_every_status_leads_to_what_to_do_next",)),
    26: (
        "The chosen list is gone",
        (
            "klaviyo/delivery/test_delivery::test_a_list_that_has_vanished_holds_what_needs_it_until_another_is_chosen",
            "klaviyo/delivery/test_batches::test_a_list_that_is_gone_holds_list_adds_of_its_own_store_only",
        ),
    ),
    27: (
        "A route is gone",
        (
            "klaviyo/delivery/bulk/test_freezing::test_a_retired_revision_holds_nothing_for_a_person",
            "klaviyo/api/test_answers::test_every_status_leads_to_what_to_do_next",
        ),
    ),
    28: (
        "409, a profile twice",
        (
            "klaviyo/delivery/test_delivery::test_a_phone_that_belongs_to_somebody_else_costs_the_phone_only",
            "klaviyo/api/test_answers::test_the_owner_of_a_duplicate_and_the_place_of_an_error_are_found",
            "klaviyo/profiles/test_lookup::test_two_profiles_of_one_address_are_no_answer_about_that_person",
        ),
    ),
    29: (
        "Too large",
        (
            "klaviyo/delivery/bulk/test_event_jobs::test_a_job_stays_below_four_and_a_half_megabytes",
            "klaviyo/api/test_values::test_a_huge_string_is_cut_at_a_whole_character",
            "klaviyo/api/test_values::test_too_many_properties_and_items_are_cut",
        ),
    ),
    30: (
        "The same refusal for everybody",
        (
            "klaviyo/delivery/bulk/test_freezing::test_thousands_of_rows_wait_and_none_fails",
            "klaviyo/delivery/bulk/test_freezing::test_three_accounts_are_enough",
            "klaviyo/delivery/bulk/test_freezing::test_an_ordinary_bad_row_in_a_healthy_account_fails_at_once",
        ),
    ),
    31: (
        "The database comes from a backup",
        (
            "klaviyo/mapping/test_mapping::test_the_same_fact_has_the_same_id_for_ever_and_no_two_share_one",
            "klaviyo/confirmation/test_reconcile::test_what_klaviyo_lost_is_named_and_sent_again_on_request",
            "klaviyo/confirmation/test_reconcile::test_an_event_that_no_delivery_told_is_extra",
        ),
    ),
    32: (
        "An import that has failed in part",
        (
            "klaviyo/delivery/bulk/test_import_refusals::test_whom_it_refuses_goes_alone_and_the_others_are_done",
            "klaviyo/delivery/bulk/test_import_refusals::test_refusals_are_read_page_by_page",
            "klaviyo/delivery/bulk/test_import_lives::test_what_was_called_off_or_forgotten_is_made_again",
        ),
    ),
    33: (
        "A bulk request is refused for some of its items",
        (
            "klaviyo/delivery/bulk/test_event_jobs_in_trouble::test_a_bad_one_is_taken_out_by_its_pointer",
            "klaviyo/delivery/bulk/test_event_jobs_in_trouble::test_a_bad_one_that_nobody_names_is_found_by_halving",
            "klaviyo/delivery/bulk/test_event_jobs_in_trouble::test_several_bad_ones_cost_none_of_the_others",
        ),
    ),
    34: (
        "A clock is wrong",
        (
            "faults/test_clocks_that_differ::test_a_lease_is_as_long_as_ever",
            "faults/test_clocks_that_differ::test_a_wait_is_as_long_as_ever",
            "faults/test_clocks_that_differ::test_what_a_host_with_a_wrong_clock_tells_goes_out_at_once",
            "faults/test_clocks_that_differ::test_a_token_is_renewed_by_the_databases_clock",
            "integrations/pacing/test_pacing_redis::test_a_clock_that_is_put_back_stops_nothing",
        ),
    ),
    35: (
        "SIGTERM while something is sent",
        (
            "workers/test_stopping::test_in_the_middle_of_slow_answers_it_ends_soon_and_holds_nothing",
            "workers/test_workers::test_a_worker_that_is_asked_to_end_finishes_what_it_holds",
            "klaviyo/delivery/bulk/test_event_jobs_taken_away::test_asked_to_end_a_worker_gives_back_what_it_has_not_sent",
        ),
    ),
    36: (
        "SIGTERM inside a commit",
        (
            "workers/test_stopping::test_in_the_middle_of_slow_answers_it_ends_soon_and_holds_nothing",
            "integrations/outbox/test_outbox::test_a_worker_whose_lease_has_ended_cannot_settle",
        ),
    ),
    37: (
        "Two workers renew one token",
        (
            "integrations/connections/test_renewal::test_fifty_who_want_an_expired_token_make_one_call",
            "integrations/connections/test_renewal::test_others_work_on_with_the_old_token_while_one_renews",
        ),
    ),
    38: (
        "Whoever renews dies after the token call",
        (
            "faults/test_failpoints::test_with_refresh_tokens_that_change",
            "integrations/connections/test_renewal::test_the_lease_of_a_dead_worker_ends",
            "integrations/connections/test_renewal::test_a_winner_that_was_overtaken_writes_nothing",
        ),
    ),
    39: (
        "A signal is fired twice",
        (
            "integrations/outbox/test_outbox::test_a_fact_is_queued_once_however_often_it_is_told",
            "integrations/outbox/test_outbox_races::test_the_same_fact_told_by_many_at_once_is_queued_once",
        ),
    ),
    40: (
        "The transaction is taken back after the signal",
        (
            "integrations/outbox/test_outbox::test_a_rolled_back_fact_leaves_nothing",
            "integrations/outbox/test_outbox::test_nothing_is_queued_outside_a_transaction",
        ),
    ),
    41: (
        "A crash between the commit and the wake-up",
        (
            "workers/test_workers::test_a_worker_killed_halfway_and_a_broker_that_forgets_everything_lose_nothing",
            "workers/test_drain::test_it_delivers_what_is_due_says_how_much_and_ends",
        ),
    ),
    42: (
        "A row that kills its worker",
        (
            "integrations/outbox/test_outbox::test_a_delivery_that_kills_its_worker_is_tried_alone_and_then_fails",
            "klaviyo/delivery/test_batches::test_one_profile_that_breaks_our_code_blocks_nobody",
        ),
    ),
    43: (
        "A message that nobody can read",
        (
            "faults/test_two_of_each::test_messages_that_nobody_can_read_stop_no_worker",
            "sorae/test_filesystem_broker::test_a_half_written_message_does_not_stop_a_worker",
        ),
    ),
    44: (
        "Disconnected while something waits or is sent",
        (
            "integrations/connections/test_disconnection::test_work_in_flight_ends_before_the_token_goes",
            "integrations/connections/test_disconnection::test_nothing_can_be_sent_afterwards",
            "klaviyo/delivery/bulk/test_event_jobs_taken_away::"
            "test_a_disconnect_in_the_middle_holds_what_is_left_and_a_reconnect_sends_it",
        ),
    ),
    45: (
        "The revocation fails",
        (
            "integrations/connections/test_disconnection::test_tokens_are_erased_even_when_the_provider_cannot_be_reached",
            "integrations/connections/test_disconnection::test_a_revocation_is_given_up_after_a_day",
            "integrations/connections/test_disconnection::test_a_token_that_is_dead_already_is_revoked_enough",
        ),
    ),
    46: (
        "A different account comes back",
        (
            "integrations/connections/test_deciding::test_the_new_account_does_nothing_before_the_decision",
            "integrations/connections/test_deciding::test_the_old_account_stays_exactly_as_it_was",
            "klaviyo/test_connecting_to_klaviyo::test_a_different_account_waits_for_a_decision",
        ),
    ),
    47: (
        "The callback comes twice, or from another browser",
        (
            "integrations/connections/test_connecting::test_twenty_callbacks_at_once_make_one_exchange",
            "integrations/connections/test_connecting::test_the_same_user_in_another_browser_makes_no_token_call",
        ),
    ),
    48: (
        "The encryption key is rotated",
        (
            "integrations/test_encryption::test_rotation_seals_everything_under_the_first_key",
            "integrations/test_encryption::test_a_secret_written_during_rotation_is_kept",
            "integrations/test_encryption::test_an_older_key_still_opens",
        ),
    ),
    49: (
        "The encryption key is lost, or a row tampered with",
        (
            "faults/test_keys_that_are_lost::test_every_page_opens_without_the_key",
            "faults/test_keys_that_are_lost::test_workers_go_on_and_the_account_waits_to_be_connected_again",
            "integrations/test_encryption::test_a_value_of_another_row_is_refused",
            "integrations/connections/test_connecting::test_a_lost_key_is_healed_by_a_reconnect",
        ),
    ),
    50: (
        "Consent is withdrawn while a message waits",
        (
            "klaviyo/consent/test_consent_withdrawn::test_nothing_is_sent_after_a_person_has_said_no",
            "klaviyo/delivery/test_delivery::test_no_invite_goes_out_while_consent_cannot_be_asked",
        ),
    ),
    51: (
        "A person is erased while something about them waits",
        (
            "klaviyo/delivery/erasure/test_erasing_in_hand::test_erased_at_any_request",
            "klaviyo/delivery/erasure/test_erasing::test_no_word_of_the_person_stays_anywhere",
            "klaviyo/delivery/bulk/test_event_jobs_taken_away::test_whoever_is_erased_while_a_batch_is_claimed_is_not_told_of",
        ),
    ),
    52: (
        "A reminder comes too late",
        (
            "integrations/outbox/test_outbox::test_what_comes_too_late_is_cancelled",
            "klaviyo/delivery/mail/test_mail::test_an_invite_that_came_too_late_is_cancelled",
        ),
    ),
    53: (
        "An account that is noisy, or stuck",
        (
            "klaviyo/delivery/test_refusals::test_one_that_never_gets_through_does_not_starve_the_others",
            "integrations/workers/test_turns_of_workers::test_at_most_half_of_the_slots_are_at_one_account",
            "integrations/workers/test_turns_of_workers::test_the_least_recently_served_comes_first",
            "integrations/pacing/test_pacing::test_a_backlog_leaves_a_part_to_what_has_just_happened",
        ),
    ),
    54: (
        "The database takes no writes",
        (
            "faults/test_databases_that_fail::test_a_fact_that_cannot_be_stored_fails_visibly_and_leaves_no_half",
            "faults/test_databases_that_fail::test_a_form_says_so_when_nothing_can_be_stored",
            "faults/test_databases_that_fail::test_a_worker_that_cannot_write_sends_nothing_and_goes_on_later",
        ),
    ),
    55: (
        "Two beats, or none",
        (
            "faults/test_two_of_each::test_beats_side_by_side_do_everything_once",
            "referrals/test_referrals_consent_races::test_each_friend_is_reminded_once_however_many_beats_run",
            "workers/test_drain::test_in_a_loop_it_delivers_what_comes_later_and_passes_as_well",
        ),
    ),
    56: (
        "Somebody else says yes in Klaviyo's place",
        (
            "faults/test_impostors::test_a_page_in_html_is_no_answer_whatever_its_status",
            "klaviyo/delivery/test_batches::test_an_impostors_yes_to_an_upsert_is_asked_again",
        ),
    ),
    57: (
        "A redirect",
        (
            "faults/test_impostors::test_a_redirect_is_not_followed",
            "faults/test_impostors::test_neither_is_one_of_the_token_endpoint",
        ),
    ),
    58: (
        "A no waits while an operator disconnects, switches off, parts, joins, replaces, restores",
        (
            "klaviyo/consent/test_owed_noes::test_a_disconnect_that_cancels_what_waits_cancels_nobodys_no",
            "klaviyo/consent/test_owed_noes::test_a_no_said_while_the_store_is_parted_is_told_when_it_joins",
            "klaviyo/consent/test_owed_noes::test_whom_we_make_known_to_klaviyo_arrives_there_with_their_no",
            "klaviyo/delivery/erasure/test_owed::test_no_way_to_let_an_account_go_loses_it",
            "histories/test_histories::test_in_the_end_the_promises_hold",
        ),
    ),
    59: (
        "A stranger types somebody's address into a public form",
        (
            "klaviyo/delivery/newsletter/test_newsletter_strangers::test_a_stranger_takes_back_no_no_that_waits",
            "klaviyo/delivery/newsletter/test_newsletter_strangers::test_a_form_writes_no_name_onto_a_profile_that_exists",
            "klaviyo/delivery/newsletter/test_newsletter_strangers::test_whom_sorae_lists_is_asked_for_by_what_is_proved_enough",
        ),
    ),
    60: (
        "Clocks: hosts apart by seconds, an opt-in told hours ahead, ours against Klaviyo's",
        (
            "referrals/test_referrals_noes::test_a_yes_told_by_a_clock_that_is_ahead_is_never_later_than_a_no_that_came_after_it",
            "referrals/test_referrals_noes::test_a_no_told_by_a_clock_that_is_behind_counts_as_what_it_is",
            "referrals/test_referrals_noes::test_a_yes_whose_time_was_told_must_be_later_by_more_than_clocks_differ",
        ),
    ),
    61: (
        "A fact older than an erasure arrives late, or its transaction was open meanwhile",
        (
            "referrals/test_referrals_older_facts::test_an_order_counts_without_the_friend",
            "klaviyo/delivery/erasure/test_erasing_open_transactions::test_nothing_makes_the_person_known_again",
            "klaviyo/delivery/erasure/test_erasing_open_transactions::test_it_is_repeated_once_and_not_before_its_time",
        ),
    ),
    62: (
        "Workers away for a day, beat alive",
        (
            "workers/test_workers_away::test_after_a_day_without_workers_no_more_waits_than_after_a_while",
            "workers/test_workers_away::test_wake_ups_that_nobody_hears_wait_once_for_each_account",
        ),
    ),
    63: (
        "Redis answers READONLY, OOM, MISCONF, NOREPLICAS",
        (
            "faults/test_redis_that_refuses::test_workers_and_beat_wait_and_are_well_after",
            "faults/test_redis_that_refuses::test_whatever_redis_says_workers_and_beat_wait_and_are_well_after",
            "faults/test_guessed_passwords::test_wrong_passwords_and_forms_are_counted_whatever_redis_does",
        ),
    ),
    64: (
        "Proxies: a port, unknown words, brackets, several hops",
        (
            "referrals/test_public_limits::test_the_visitors_own_address_counts_however_proxies_write_it",
            "referrals/test_public_limits::test_whoever_cannot_be_read_counts_with_the_peer",
            "faults/test_guessed_passwords::test_a_gateway_that_names_ports_lets_nobody_guess_on",
        ),
    ),
    65: (
        "One odd item in a look-up's answer, or an address that is refused",
        (
            "klaviyo/delivery/bulk/test_odd_people::test_whoever_has_another_address_first_keeps_nobody_waiting",
            "klaviyo/delivery/bulk/test_odd_people::test_many_whom_klaviyo_refuses_keep_the_others_for_three_tries_at_most",
        ),
    ),
    66: (
        "A restored copy that lacks the last seconds",
        ("workers/test_restoring::test_after_a_restore_no_event_goes_twice_and_no_e_mail_at_all",),
    ),
    67: (
        "Workers die twice with thousands in hand",
        (
            "integrations/outbox/test_outbox::test_a_delivery_that_kills_its_worker_is_tried_alone_and_then_fails",
            "integrations/workers/test_slow_days::test_suspects_go_apart_from_all_others_and_are_cleared_when_they_go_well",
            "integrations/workers/test_slow_days::test_what_died_before_its_request_was_never_tried",
        ),
    ),
    68: (
        "A backlog on a slow machine, statistics older than it",
        (
            "integrations/outbox/test_bounded_looks::test_no_look_walks_through_the_queue",
            "workers/test_workers_overloaded::test_overload_degrades_and_does_not_collapse",
        ),
    ),
}
