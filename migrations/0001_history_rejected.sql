CREATE TABLE "history_rejected" (
	"fingerprint" text PRIMARY KEY NOT NULL,
	"group_id" text NOT NULL,
	"record" text NOT NULL,
	"reason" text NOT NULL,
	"rejected_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
