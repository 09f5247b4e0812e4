CREATE TABLE "failed_attempts" (
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"count" integer NOT NULL,
	"last_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "failed_attempts_pkey" PRIMARY KEY("kind","key"),
	CONSTRAINT "failed_attempts_count" CHECK ("failed_attempts"."count" > 0)
);
--> statement-breakpoint
CREATE TABLE "pairing_codes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"code_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone,
	CONSTRAINT "pairing_codes_code_hash" UNIQUE("code_hash"),
	CONSTRAINT "pairing_codes_span" CHECK ("pairing_codes"."expires_at" > "pairing_codes"."created_at")
);
--> statement-breakpoint
DROP INDEX "audit_at";--> statement-breakpoint
DROP INDEX "audit_target";--> statement-breakpoint
DROP INDEX "auth_sessions_living_user";--> statement-breakpoint
ALTER TABLE "pairing_codes" ADD CONSTRAINT "pairing_codes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "failed_attempts_end" ON "failed_attempts" USING btree ("ends_at");--> statement-breakpoint
CREATE INDEX "pairing_codes_user" ON "pairing_codes" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "pairing_codes_expiry" ON "pairing_codes" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "auth_sessions_living" ON "auth_sessions" USING btree ("id") WHERE "auth_sessions"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("at","id");--> statement-breakpoint
CREATE INDEX "audit_target" ON "audit" USING btree ("target_id","id");--> statement-breakpoint
CREATE INDEX "auth_sessions_living_user" ON "auth_sessions" USING btree ("user_id","id") WHERE "auth_sessions"."ended_at" is null;