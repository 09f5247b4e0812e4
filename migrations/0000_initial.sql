CREATE TABLE "audit" (
	"id" uuid PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"actor_type" text NOT NULL,
	"actor_user_id" uuid,
	"action" text NOT NULL,
	"target_type" text,
	"target_id" text,
	"result" text NOT NULL,
	"request_id" text NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "audit_actor_type" CHECK ("audit"."actor_type" in ('user', 'system', 'anonymous')),
	CONSTRAINT "audit_actor_user" CHECK (("audit"."actor_type" = 'user') = ("audit"."actor_user_id" is not null)),
	CONSTRAINT "audit_result" CHECK ("audit"."result" in ('success', 'failure')),
	CONSTRAINT "audit_target_whole" CHECK (("audit"."target_type" is null) = ("audit"."target_id" is null))
);
--> statement-breakpoint
CREATE TABLE "auth_sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"device_name" text NOT NULL,
	"device_kind" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"rotation" integer DEFAULT 0 NOT NULL,
	"current_hashes" text[] NOT NULL,
	"previous_hash" text,
	"previous_until" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"end_cause" text,
	CONSTRAINT "auth_sessions_device_kind" CHECK ("auth_sessions"."device_kind" in ('watch', 'phone', 'browser', 'console', 'other')),
	CONSTRAINT "auth_sessions_end" CHECK (("auth_sessions"."ended_at" is null) = ("auth_sessions"."end_cause" is null)),
	CONSTRAINT "auth_sessions_previous" CHECK (("auth_sessions"."previous_hash" is null) = ("auth_sessions"."previous_until" is null))
);
--> statement-breakpoint
CREATE TABLE "group_members" (
	"id" uuid PRIMARY KEY NOT NULL,
	"group_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	"talk" text NOT NULL,
	"joined_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "group_members_role" CHECK ("group_members"."role" in ('group_manager', 'member')),
	CONSTRAINT "group_members_talk" CHECK ("group_members"."talk" in ('allowed', 'listen_only')),
	CONSTRAINT "group_members_manager_talks" CHECK ("group_members"."role" <> 'group_manager' or "group_members"."talk" = 'allowed')
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "groups_name" CHECK (char_length("groups"."name") between 1 and 64),
	CONSTRAINT "groups_description" CHECK (char_length("groups"."description") <= 500),
	CONSTRAINT "groups_settings" CHECK (jsonb_typeof("groups"."settings") = 'object')
);
--> statement-breakpoint
CREATE TABLE "group_voice_sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"group_id" uuid NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"talk_count" integer DEFAULT 0 NOT NULL,
	"talk_ms" bigint DEFAULT 0 NOT NULL,
	"participant_count" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "group_voice_sessions_span" CHECK ("group_voice_sessions"."ended_at" is null or "group_voice_sessions"."ended_at" >= "group_voice_sessions"."started_at"),
	CONSTRAINT "group_voice_sessions_counts" CHECK ("group_voice_sessions"."talk_count" >= 0 and "group_voice_sessions"."talk_ms" >= 0 and "group_voice_sessions"."participant_count" >= 0)
);
--> statement-breakpoint
CREATE TABLE "speaker_history" (
	"talk_id" uuid PRIMARY KEY NOT NULL,
	"group_id" uuid NOT NULL,
	"voice_session_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"display_name" text NOT NULL,
	"emergency" boolean NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"duration_ms" integer NOT NULL,
	"cause" text NOT NULL,
	CONSTRAINT "speaker_history_span" CHECK ("speaker_history"."ended_at" >= "speaker_history"."started_at" and "speaker_history"."duration_ms" >= 0),
	CONSTRAINT "speaker_history_cause" CHECK ("speaker_history"."cause" in ('released', 'too_long', 'preempted', 'revoked', 'lost', 'removed', 'expired', 'media_failed'))
);
--> statement-breakpoint
CREATE TABLE "live_store" (
	"key" text PRIMARY KEY NOT NULL,
	"run_id" text NOT NULL,
	"generation" bigint NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "live_store_generation" CHECK ("live_store"."generation" between 1 and 2097151)
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"username" text NOT NULL,
	"display_name" text NOT NULL,
	"role" text NOT NULL,
	"disabled" boolean DEFAULT false NOT NULL,
	"password_hash" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "users_role" CHECK ("users"."role" in ('admin', 'user')),
	CONSTRAINT "users_username" CHECK ("users"."username" ~ '^[a-z0-9._-]{2,64}$'),
	CONSTRAINT "users_display_name" CHECK (char_length("users"."display_name") between 1 and 64)
);
--> statement-breakpoint
CREATE TABLE "domain_event" (
	"id" uuid PRIMARY KEY NOT NULL,
	"transaction_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "domain_event_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"payload" jsonb NOT NULL,
	"request_id" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "auth_sessions" ADD CONSTRAINT "auth_sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_voice_sessions" ADD CONSTRAINT "group_voice_sessions_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "speaker_history" ADD CONSTRAINT "speaker_history_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "speaker_history" ADD CONSTRAINT "speaker_history_voice_session_id_group_voice_sessions_id_fk" FOREIGN KEY ("voice_session_id") REFERENCES "public"."group_voice_sessions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "speaker_history" ADD CONSTRAINT "speaker_history_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("at");--> statement-breakpoint
CREATE INDEX "audit_actor" ON "audit" USING btree ("actor_user_id","id");--> statement-breakpoint
CREATE INDEX "audit_target" ON "audit" USING btree ("target_type","target_id","id");--> statement-breakpoint
CREATE INDEX "auth_sessions_living_user" ON "auth_sessions" USING btree ("user_id") WHERE "auth_sessions"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "auth_sessions_living_expiry" ON "auth_sessions" USING btree ("expires_at") WHERE "auth_sessions"."ended_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "group_members_living_membership" ON "group_members" USING btree ("group_id","user_id") WHERE "group_members"."deleted_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "group_members_living_manager" ON "group_members" USING btree ("group_id") WHERE "group_members"."deleted_at" is null and "group_members"."role" = 'group_manager';--> statement-breakpoint
CREATE INDEX "group_members_living_user" ON "group_members" USING btree ("user_id") WHERE "group_members"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "group_voice_sessions_group" ON "group_voice_sessions" USING btree ("group_id","started_at","id");--> statement-breakpoint
CREATE INDEX "group_voice_sessions_started_at" ON "group_voice_sessions" USING btree ("started_at","id");--> statement-breakpoint
CREATE INDEX "speaker_history_group" ON "speaker_history" USING btree ("group_id","started_at","talk_id");--> statement-breakpoint
CREATE INDEX "speaker_history_user" ON "speaker_history" USING btree ("user_id","started_at","talk_id");--> statement-breakpoint
CREATE INDEX "speaker_history_started_at" ON "speaker_history" USING btree ("started_at","talk_id");--> statement-breakpoint
CREATE UNIQUE INDEX "users_living_username" ON "users" USING btree ("username") WHERE "users"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "domain_event_order" ON "domain_event" USING btree ("transaction_id","position");--> statement-breakpoint
CREATE INDEX "domain_event_created_at" ON "domain_event" USING btree ("created_at");--> statement-breakpoint
CREATE FUNCTION "audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit is append only' USING ERRCODE = 'insufficient_privilege';
END
$$;--> statement-breakpoint
CREATE TRIGGER "audit_rows_stay" BEFORE UPDATE OR DELETE ON "audit" FOR EACH ROW EXECUTE FUNCTION "audit_is_append_only"();--> statement-breakpoint
CREATE TRIGGER "audit_table_stays" BEFORE TRUNCATE ON "audit" FOR EACH STATEMENT EXECUTE FUNCTION "audit_is_append_only"();
