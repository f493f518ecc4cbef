"""For each line of the security checklist, the tests that show it (below tests/, `file::test`), or why it has none."""

LINES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "state is of one use, and bound to session, user and intent",
        (
            "integrations/connections/test_connecting::test_the_state_is_stored_as_a_hash_and_the_verifier_sealed",
            "integrations/connections/test_connecting::test_a_forged_state_makes_no_token_call",
            "integrations/connections/test_connecting::test_an_expired_trip_makes_no_token_call",
            "integrations/connections/test_connecting::test_another_user_in_the_same_browser_makes_no_token_call",
            "integrations/connections/test_connecting::test_the_same_user_in_another_browser_makes_no_token_call",
            "integrations/connections/test_connecting::test_twenty_callbacks_at_once_make_one_exchange",
        ),
    ),
    2: (
        "PKCE with S256",
        (
            "integrations/connections/test_oauth::test_the_challenge_is_that_of_the_standard",
            "integrations/connections/test_oauth::test_verifiers_are_64_characters_and_never_the_same",
            "klaviyo/sandbox/test_sandbox_oauth::test_plain_challenges_are_refused",
        ),
    ),
    3: (
        "The redirect address is exact, and never taken from a request",
        ("integrations/connections/test_connecting::test_the_way_back_is_never_taken_from_the_request",),
    ),
    4: (
        "Mix-up of providers",
        (
            "integrations/connections/test_connecting::test_a_foreign_issuer_makes_no_token_call",
            "integrations/connections/test_connecting::test_an_answer_at_another_providers_address_makes_no_token_call",
        ),
    ),
    5: (
        "A code is not injected, replayed or passed on",
        (
            "integrations/connections/test_connecting::test_a_second_callback_makes_no_token_call",
            "integrations/connections/test_connecting::test_somebody_who_is_not_signed_in_is_sent_to_sign_in_without_the_code",
            "integrations/connections/test_connecting::test_no_secret_is_logged_or_kept_in_clear",
        ),
    ),
    6: (
        "What a consent screen says of errors is not repeated",
        (
            "faults/test_every_answer_is_safe::test_what_a_consent_screen_says_is_never_repeated",
            "integrations/connections/test_connecting::test_a_declined_consent_makes_no_token_call",
        ),
    ),
    7: (
        "An install that begins at Klaviyo",
        ("integrations/connections/test_connecting::test_a_callback_out_of_the_blue_makes_no_token_call",),
    ),
    8: (
        "The fewest scopes",
        (
            "klaviyo/api/test_operations::test_we_ask_for_every_scope_that_we_use_and_say_why",
            "integrations/connections/test_connecting::test_only_granted_scopes_are_kept",
        ),
    ),
    9: (
        "Nothing acts on a GET, and each act needs a token against forgery",
        (
            "integrations/connections/test_connecting_rules::test_only_a_post_changes_anything",
            "integrations/connections/test_connecting_rules::test_every_change_needs_a_token_against_forgery",
            "faults/test_who_may::test_looking_changes_nothing_and_what_acts_is_no_page",
        ),
    ),
    10: (
        "Tokens are sealed to their row and column",
        (
            "integrations/test_encryption::test_a_value_of_another_row_is_refused",
            "integrations/test_encryption::test_a_value_of_another_column_is_refused",
            "integrations/test_encryption::test_every_changed_character_is_noticed",
        ),
    ),
    11: (
        "Keys rotate",
        (
            "integrations/test_encryption::test_rotation_seals_everything_under_the_first_key",
            "integrations/test_encryption::test_a_dry_run_changes_nothing",
        ),
    ),
    12: (
        "Keys are apart from data, and nothing starts without them",
        (
            "sorae/test_configuration::test_a_missing_setting_is_named_with_a_hint",
            "sorae/test_configuration::test_malformed_encryption_keys_are_refused_and_not_repeated",
            "sorae/test_configuration::test_nothing_starts_with_a_broken_configuration",
        ),
    ),
    13: (
        "No token in logs, pages, messages, dumps or reports",
        (
            "faults/test_canaries::test_tokens_stand_nowhere_in_clear",
            "faults/test_canaries::test_no_dump_and_no_printed_object_holds_a_token",
            "faults/test_canaries::test_a_fault_of_our_own_tells_no_secret_and_nobody_by_e_mail",
            "faults/test_canaries::test_an_account_that_is_let_go_leaves_no_token_behind",
        ),
    ),
    14: (
        "A permission for every page, and at once",
        (
            "faults/test_who_may::test_each_page_is_open_to_each_of_its_permissions_and_to_no_other",
            "faults/test_who_may::test_whoever_may_do_everything_else_can_neither_look_nor_act",
            "faults/test_who_may::test_whoever_may_only_sign_in_sees_no_row",
            "faults/test_who_may::test_strangers_are_asked_to_sign_in_and_do_nothing",
        ),
    ),
    15: (
        "Who did what is kept",
        (
            "klaviyo/pages/test_pages_history::test_one_send_is_noted_on_itself",
            "klaviyo/pages/test_pages_history::test_many_sends_are_noted_on_each_of_their_connections",
            "klaviyo/pages/test_pages_history::test_deliveries_are_noted_in_the_same_way",
        ),
    ),
    16: (
        "Our access goes to Klaviyo's address alone",
        (
            "faults/test_impostors::test_a_redirect_is_not_followed",
            "faults/test_impostors::test_neither_is_one_of_the_token_endpoint",
            "integrations/wire/test_http::test_plain_http_is_refused_beyond_this_machine",
            "klaviyo/pages/test_list_choices::test_odd_links_lead_nowhere",
            "klaviyo/api/test_api_consent::test_what_can_be_no_id_never_gets_into_an_address",
        ),
    ),
    17: (
        "No `next` leads away",
        (
            "faults/test_every_answer_is_safe::test_signing_in_leads_nowhere_else",
            "integrations/pages/test_pages::test_after_a_retry_nobody_is_sent_to_another_site",
            "klaviyo/pages/test_pages_sends::test_after_an_action_nobody_is_sent_to_another_site",
        ),
    ),
    18: (
        "A share link leads to the store's own address",
        (
            "referrals/test_referrals_share_link::test_the_destination_never_comes_from_the_query",
            "referrals/test_referrals_share_link::test_neither_does_it_come_from_the_host_or_a_header",
        ),
    ),
    19: ("No page may be framed", ("faults/test_every_answer_is_safe::test_no_page_may_be_framed_guessed_or_told_on",)),
    20: (
        "Headers, cookies, and Django's own check of a deployment",
        (
            "faults/test_every_answer_is_safe::test_no_page_may_be_framed_guessed_or_told_on",
            "faults/test_every_answer_is_safe::test_no_page_runs_anything_written_into_it_or_from_elsewhere",
            "faults/test_every_answer_is_safe::test_pages_behind_the_sign_in_are_kept_by_nobody",
            "test_quality::test_a_documented_production_environment_passes_the_deployment_check",
        ),
    ),
    21: (
        "Passwords are not guessed",
        (
            "faults/test_guessed_passwords::test_after_some_wrong_ones_a_right_one_waits_too",
            "faults/test_guessed_passwords::test_nobody_locks_out_somebody_elsewhere",
            "faults/test_guessed_passwords::test_the_answer_is_the_same_whoever_is_asked_for",
        ),
    ),
    23: (
        "Secrets come from outside, and are in no file",
        (
            "sorae/test_configuration::test_every_setting_may_come_from_a_file",
            "test_quality::test_nothing_committed_names",
            "test_quality::test_containers_have_no_secret_of_their_own",
        ),
    ),
    24: (
        "People stand where they are meant to",
        (
            "faults/test_canaries::test_people_stand_only_where_they_are_meant_to",
            "sorae/test_logs::test_no_canary_comes_through",
            "klaviyo/pages/test_pages_sends::test_the_file_holds_what_the_filter_shows_with_masked_people",
            "integrations/pages/test_pages::test_a_persons_address_is_found_and_stays_out_of_the_address_bar",
        ),
    ),
    25: (
        "What is done with is forgotten",
        (
            "klaviyo/delivery/test_retention::test_after_two_weeks_nothing_settled_says_who_it_was_about",
            "klaviyo/delivery/test_retention::test_attempts_go_after_three_months_with_their_links_and_nothing_else",
            "klaviyo/delivery/test_retention::test_the_same_fact_is_still_not_told_twice",
        ),
    ),
    26: (
        "A person is erased for good",
        (
            "klaviyo/delivery/erasure/test_erasing::test_no_word_of_the_person_stays_anywhere",
            "klaviyo/delivery/erasure/test_erasing::test_nobody_invites_them_again_and_klaviyo_is_not_asked",
            "klaviyo/webhooks/test_webhook_retention::test_what_is_told_again_after_an_erasure_brings_nobody_back",
        ),
    ),
    27: (
        "Links that are signed",
        (
            "referrals/test_public_unsubscribing::test_a_forged_or_unknown_link_is_not_found",
            "referrals/test_public_unsubscribing::test_the_link_survives_a_new_secret_key",
        ),
    ),
    28: (
        "Referral codes cannot be listed",
        (
            "referrals/test_referrals_codes::test_a_code_has_sixty_random_bits",
            "referrals/test_referrals_share_link::test_known_and_unknown_codes_get_the_same_answer_for_the_same_work",
        ),
    ),
    29: (
        "Public forms are limited",
        (
            "referrals/test_public_limits::test_too_many_posts_have_to_wait",
            "referrals/test_public_limits::test_neighbours_are_one_visitor_and_others_are_not",
            "referrals/test_public_limits::test_nobody_chooses_the_address_that_counts",
            "referrals/test_public_limits::test_the_visitors_own_address_counts_however_proxies_write_it",
            "referrals/test_referrals_share_link::test_a_network_whose_browsers_change_makes_few_visits_and_is_sent_on_all_the_same",
            "referrals/test_referrals_visits::test_no_more_than_each_limit_allows_is_counted_in_an_hour",
        ),
    ),
    30: (
        "Machines do not count",
        (
            "referrals/test_referrals_share_link::test_machines_are_sent_on_and_not_counted",
            "referrals/test_referrals_share_link::test_a_page_fetched_ahead_of_a_click_is_not_counted",
            "referrals/test_public_joining::test_a_machine_is_thanked_and_nothing_is_stored",
        ),
    ),
    31: (
        "Invites are no way to send spam",
        (
            "klaviyo/delivery/mail/test_mail_caps::test_a_person_gets_so_many_in_a_week",
            "klaviyo/delivery/mail/test_mail_caps::test_an_advocate_sends_so_many_in_a_day_and_the_others_go_later",
            "referrals/test_messages::test_inviters_say_nothing_in_their_own_words",
            "referrals/test_messages::test_no_field_adds_a_header_or_markup",
        ),
    ),
    32: (
        "Any input gets an answer",
        (
            "faults/test_malformed_requests::test_strangers_get_an_answer_to_anything",
            "faults/test_malformed_requests::test_operators_get_an_answer_to_anything",
            "faults/test_malformed_requests::test_no_odd_word_in_any_field_of_an_address_breaks_a_page",
            "faults/test_malformed_facts::test_a_verb_takes_or_refuses_any_value",
            "faults/test_malformed_facts::test_a_signal_with_an_odd_fact_stops_no_host",
        ),
    ),
    33: (
        "Klaviyo's webhooks are signed, fresh and taken once",
        (
            "klaviyo/webhooks/test_webhook_receive::test_one_changed_bit_anywhere_is_noticed",
            "klaviyo/webhooks/test_webhook_receive::test_a_body_of_the_future_is_not_taken",
            "klaviyo/webhooks/test_webhook_receive::test_what_is_told_again_is_stored_once",
        ),
    ),
    34: (
        "Messages are JSON, without pickle or results",
        ("faults/test_every_answer_is_safe::test_messages_are_json_and_nobody_commands_a_worker_by_pickle",),
    ),
    35: (
        "What a token endpoint says is looked at before it is kept",
        (
            "faults/test_malformed_answers::test_no_answer_of_a_token_endpoint_surprises_us",
            "faults/test_malformed_answers::test_a_lifetime_is_between_a_minute_and_a_day_whatever_is_said",
        ),
    ),
    36: (
        "Disconnecting revokes, then erases",
        (
            "integrations/connections/test_disconnection::test_the_tokens_are_revoked_there_and_erased_here",
            "integrations/connections/test_oauth::test_a_revocation_that_was_not_confirmed_is_not_done",
        ),
    ),
    37: (
        "In doubt, nothing is sent",
        (
            "klaviyo/delivery/test_delivery::test_no_invite_goes_out_while_consent_cannot_be_asked",
            "klaviyo/consent/test_decision::test_a_missing_block_is_not_yes",
            "integrations/pacing/test_pacing_redis::test_without_redis_each_worker_keeps_to_its_share",
            "faults/test_keys_that_are_lost::test_workers_go_on_and_the_account_waits_to_be_connected_again",
        ),
    ),
}

DOES_NOT_APPLY = {
    22: "There is no page that disconnects everything, shows people's data in bulk unmasked, or handles keys: keys are "
    "rotated by a command on the server, files are masked, and erasing asks for the address to be typed again.",
}
