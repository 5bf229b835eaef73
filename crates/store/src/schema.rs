//! The tables, for both kinds of database: integers, floating numbers and text only.

diesel::table! {
    #[sql_name = "user"]
    users (id) {
        id -> Integer,
        username -> Text,
        password -> Text,
    }
}

diesel::table! {
    data_files (id) {
        id -> Integer,
        owner_id -> Integer,
        filename -> Text,
        longitude -> Nullable<Text>,
        latitude -> Nullable<Text>,
        info -> Nullable<Text>,
        state -> Nullable<Text>,
        release -> Nullable<Text>,
    }
}

diesel::table! {
    revisions (id) {
        id -> Integer,
        data_file_id -> Integer,
        created -> Text,
        filepath -> Text,
        revision -> Integer,
        file_type -> Text,
        info -> Nullable<Text>,
        sha256 -> Nullable<Text>,
        bytes -> Nullable<BigInt>,
        run -> Nullable<Text>,
        step -> Nullable<Text>,
        parameters -> Nullable<Text>,
        parents -> Nullable<Text>,
    }
}

diesel::table! {
    steps (id) {
        id -> Integer,
        data_file_id -> Integer,
        step -> Text,
        parameters -> Nullable<Text>,
        up_to_date -> Integer,
        state -> Nullable<Text>,
        reason -> Nullable<Text>,
        run -> Nullable<Text>,
        findings -> Nullable<Text>,
    }
}

diesel::table! {
    runs (id) {
        id -> Text,
        data_file_id -> Integer,
        owner_id -> Integer,
        step -> Text,
        state -> Text,
        body -> Text,
        parameters -> Nullable<Text>,
        stage -> Nullable<Text>,
        fraction -> Nullable<Double>,
        reason -> Nullable<Text>,
        outdated -> Nullable<Text>,
        findings -> Nullable<Text>,
        claim -> Nullable<Text>,
        attempts -> Integer,
        cause -> Nullable<Text>,
        form_key -> Nullable<Text>,
        request_id -> Nullable<Text>,
        queued_at -> Text,
        started_at -> Nullable<Text>,
        finished_at -> Nullable<Text>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Integer,
        csrf -> Text,
        flashes -> Text,
        created_at -> Text,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> Integer,
        user_id -> Integer,
        label -> Text,
        hash -> Text,
        created_at -> Text,
        last_used_at -> Nullable<Text>,
    }
}

diesel::table! {
    outbox (seq) {
        seq -> BigInt,
        message_id -> Text,
        message -> Text,
        leased_until_ms -> BigInt,
    }
}

diesel::table! {
    queue_messages (ticket) {
        ticket -> BigInt,
        queue -> Text,
        message_id -> Text,
        message -> Text,
        attempts -> Integer,
        leased -> Integer,
        available_ms -> BigInt,
    }
}

diesel::table! {
    dead_letters (id) {
        id -> BigInt,
        queue -> Text,
        message -> Text,
        reason -> Text,
        attempts -> Integer,
        buried_at -> Text,
    }
}

diesel::table! {
    drafts (id) {
        id -> Text,
        data_file_id -> Integer,
        editor -> Text,
        file_type -> Text,
        variable -> Text,
        bases -> Text,
        created_at -> Text,
        changed_at -> Text,
        closed_at -> Nullable<Text>,
        revision_id -> Nullable<Integer>,
    }
}

diesel::table! {
    draft_events (draft_id, seq) {
        draft_id -> Text,
        seq -> BigInt,
        event_key -> Text,
        author -> Text,
        event -> Text,
        created_at -> Text,
    }
}

diesel::table! {
    climsim_schema (version) {
        version -> Integer,
        oldest_reader -> Integer,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    users,
    data_files,
    revisions,
    steps,
    runs,
    sessions,
    api_tokens,
    drafts,
    draft_events
);
