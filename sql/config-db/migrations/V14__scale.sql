-- What keeps the work flat with 100,000 rules and millions of loads: a rule is found by the beginning of the keys that it can
-- take, and the questions that are asked all the time have an index of their own. And rules that take what a queue brings.
-- Building an index keeps writers of its table waiting for seconds per million rows; what waits longer than its patience is
-- a failure that passes, and is tried again.

ALTER TABLE rdscnfg.ext_file_config
    ADD COLUMN IF NOT EXISTS queue_name text;

COMMENT ON COLUMN rdscnfg.ext_file_config.queue_name IS
    'The SQS queue whose objects fall under the rule whatever they are called: its name, or its ARN.';

ALTER TABLE rdscnfg.ext_file_load
    ADD COLUMN queue_name text,
    ADD COLUMN forgotten_at timestamptz,
    ADD CONSTRAINT ext_file_load_forgotten_is_finished CHECK (
        forgotten_at IS NULL OR (finished_at IS NOT NULL AND parent_load_id IS NULL)
    );

COMMENT ON COLUMN rdscnfg.ext_file_load.forgotten_at IS
    'Since when its rows no longer keep its file from being loaded again: an operator said so.';

ALTER TABLE rdscnfg.ext_load_operation
    DROP CONSTRAINT ext_load_operation_known,
    ADD CONSTRAINT ext_load_operation_known CHECK (operation IN ('replay', 'cancel', 'release', 'skip', 'forget'));

COMMENT ON COLUMN rdscnfg.ext_file_load.queue_name IS
    'The queue that announced the object, so that every try finds the same rule; empty for one that came without a queue.';

-- What every key begins with that key_pattern or key_regex takes, at most 255 characters of it; NULL when neither is set and
-- the rule goes by its token. It may say less than is true, never more: the empty text, when nothing is certain or the row
-- makes no sense, makes the rule a candidate for every key, and whether it takes one is for matching.rs to say, whose reading
-- of both columns this follows. Blank is what Rust's trim calls blank.
CREATE FUNCTION rdscnfg.ext_rule_key_prefix(key_pattern text, key_regex text) RETURNS text
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
AS $body$
DECLARE
    blank CONSTANT text := E' \t\n\u000B\f\r\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008'
        || E'\u2009\u200A\u2028\u2029\u202F\u205F\u3000';
    longest CONSTANT integer := 255;
    folder text := nullif(btrim(key_pattern, blank), '');
    expression text := CASE WHEN btrim(key_regex, blank) <> '' THEN key_regex END;
    characters text[];
    place integer := 1;
    width integer;
    depth integer := 0;
    class_depth integer := 0;
    prefix text := '';
BEGIN
    IF folder IS NULL AND expression IS NULL THEN
        RETURN NULL;
    END IF;
    IF folder IS NOT NULL AND expression IS NOT NULL THEN
        RETURN '';
    END IF;
    IF folder IS NOT NULL THEN
        folder := btrim(folder, '/');
        IF folder = '' OR folder LIKE '%//%' OR folder LIKE 's3:%' THEN
            RETURN '';
        END IF;
        RETURN left(split_part(folder, '*', 1), longest);
    END IF;

    characters := string_to_array(expression, NULL);
    -- An alternative outside of all groups begins differently. Within a comment brackets need not be in pairs.
    IF strpos(expression, '|') > 0 THEN
        IF expression ~ '\(\?[a-zA-Z]*x' THEN
            RETURN '';
        END IF;
        WHILE place <= cardinality(characters) LOOP
            IF characters[place] = '\' THEN
                place := place + 1;
            ELSIF characters[place] = '[' THEN
                class_depth := class_depth + 1;
                -- A bracket that closes does not, where it is the first of its class.
                IF characters[place + 1] = '^' THEN
                    place := place + 1;
                END IF;
                IF characters[place + 1] = ']' THEN
                    place := place + 1;
                END IF;
            ELSIF class_depth > 0 THEN
                IF characters[place] = ']' THEN
                    class_depth := class_depth - 1;
                END IF;
            ELSIF characters[place] = '(' THEN
                depth := depth + 1;
            ELSIF characters[place] = ')' THEN
                depth := depth - 1;
            ELSIF characters[place] = '|' AND depth <= 0 THEN
                RETURN '';
            END IF;
            place := place + 1;
        END LOOP;
        IF depth <> 0 OR class_depth <> 0 THEN
            RETURN '';
        END IF;
    END IF;

    place := 1;
    WHILE characters[place] = '^' LOOP
        place := place + 1;
    END LOOP;
    WHILE place <= cardinality(characters) AND length(prefix) < longest LOOP
        width := 1;
        IF characters[place] = '\' THEN
            -- Other escapes are classes, places or codes.
            EXIT WHEN characters[place + 1] IS NULL OR strpos('.-+*?()[]{}^$|\/', characters[place + 1]) = 0;
            width := 2;
        ELSIF strpos('.^$*+?()[]{}|', characters[place]) > 0 THEN
            EXIT;
        END IF;
        -- What a quantifier follows need not be there.
        EXIT WHEN strpos('*+?{', characters[place + width]) > 0;
        prefix := prefix || characters[place + width - 1];
        place := place + width;
    END LOOP;
    RETURN prefix;
END
$body$;

CREATE INDEX ext_file_config_key_prefix ON rdscnfg.ext_file_config
    ((rdscnfg.ext_rule_key_prefix(key_pattern::text, key_regex::text)));
CREATE INDEX ext_file_config_queue ON rdscnfg.ext_file_config
    ((regexp_replace(btrim(queue_name::text, E' \t\r\n'), '^arn:.*:', '')))
    WHERE queue_name IS NOT NULL;

-- Lists the loads of a rule in one state, which may be few among many.
CREATE INDEX ext_file_load_rule_state ON rdscnfg.ext_file_load (ext_file_config_sid, state, received_at);
-- Finds what finished within a minute.
CREATE INDEX ext_file_load_finished ON rdscnfg.ext_file_load (finished_at)
    WHERE finished_at IS NOT NULL;
-- Gives the message whose turn it is, however many wait for a topic that refuses.
CREATE INDEX ext_outbox_turn ON rdscnfg.ext_outbox (coalesce(send_after, created_at), outbox_id)
    WHERE sent_at IS NULL;
