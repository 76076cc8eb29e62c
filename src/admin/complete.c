#include "admin/complete.h"

#include "admin/alias.h"
#include "api/routes.h"
#include "base/str.h"

void lg_complete_candidate(struct lg_buf *out, const char *typed, const char *candidate,
                           const char *help)
{
    if (lg_slice_starts(lg_slice_str(candidate), lg_slice_str(typed)))
        lg_buf_appendf(out, "%s\t%s\n", candidate, help);
}

/* --- The verb itself. --------------------------------------------------------------------------
 */

/* The first word of every verb, once. */
static void first_words(struct lg_buf *out, const char *typed)
{
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const struct lg_command_row *row = lg_command_row((enum lg_command_kind)i);
        size_t length = strcspn(row->words, " "), before = 0;
        LG_AUTO_STR char *word = lg_strf("%.*s", (int)length, row->words);
        LG_AUTO_STR char *group = lg_strf("lagoon %s ...", word);

        while (strcspn(lg_command_words((enum lg_command_kind)before), " ") != length ||
               strncmp(lg_command_words((enum lg_command_kind)before), word, length) != 0)
            before++; /* At the latest this row itself. */
        if (before == i)
            lg_complete_candidate(out, typed, word, row->words[length] == '\0' ? row->help : group);
    }
    lg_complete_candidate(out, typed, "--help", "Show all commands.");
    lg_complete_candidate(out, typed, "--version", "Print the program's version.");
}

static void second_words(struct lg_buf *out, const char *first, const char *typed)
{
    size_t length = strlen(first);

    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const struct lg_command_row *row = lg_command_row((enum lg_command_kind)i);

        if (strncmp(row->words, first, length) == 0 && row->words[length] == ' ')
            lg_complete_candidate(out, typed, row->words + length + 1, row->help);
    }
}

/* --- Arguments and values. ---------------------------------------------------------------------
 */

static void option_names(struct lg_buf *out, const char *typed, const char *dashes,
                         const struct lg_option_table *options)
{
    for (size_t i = 0; i < options->n; i++) {
        LG_AUTO_STR char *name = lg_strf("%s%s", dashes, options->rows[i].name);

        for (char *c = name; *dashes != '\0' && *c != '\0'; c++)
            if (*c == '_')
                *c = '-';
        lg_complete_candidate(out, typed, name, options->rows[i].help);
    }
}

/* One of "ID|latest|key": a word to be typed, unless it stands for one. */
static void choice_of(struct lg_buf *out, const char *typed, const char *choice,
                      enum lg_complete_more *out_more)
{
    static const char *const stands_for[] = {"ID", "PUSH_ID", "N", "SIZE", "TIME"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(stands_for); i++)
        if (strcmp(choice, stands_for[i]) == 0)
            return;
    if (strcmp(choice, "VERSION") == 0)
        *out_more = LG_COMPLETE_VERSIONS;
    else
        lg_complete_candidate(out, typed, choice, "");
}

static void route_names(struct lg_buf *out, const char *typed)
{
    for (int i = 0; i < LG_API_COUNT; i++) {
        enum lg_api_route route = (enum lg_api_route)i;

        lg_complete_candidate(out, typed, lg_api_path(route) + 1, lg_api_required(route));
    }
}

/* A place that the tables describe by a word: "FILE...", "NAME", "bash|zsh|fish". */
static void place(struct lg_buf *out, const char *typed, struct lg_slice word,
                  enum lg_complete_more *out_more)
{
    LG_AUTO_STR char *text = lg_strf("%.*s", (int)word.size, (const char *)word.data);

    if (strchr(text, '|') != NULL) {
        for (char *rest = text, *choice; (choice = strsep(&rest, "|")) != NULL;)
            choice_of(out, typed, choice, out_more);
    } else if (strcmp(text, "ROUTE") == 0) {
        route_names(out, typed);
    } else if (strcmp(text, "PROFILE") == 0) {
        *out_more = LG_COMPLETE_PROFILES;
    } else if (strstr(text, "FILE") != NULL || strstr(text, "DIR") != NULL ||
               strstr(text, ".avsc") != NULL) {
        *out_more = LG_COMPLETE_FILES;
    } else if (strcmp(text, "NAME") == 0 || strcmp(text, "STORE") == 0) {
        *out_more = LG_COMPLETE_STORES;
    } else if (strcmp(text, "VERSION") == 0) {
        *out_more = LG_COMPLETE_VERSIONS;
    } else if (strncmp(text, "NODE", 4) == 0) {
        *out_more = LG_COMPLETE_NODES;
    } else if (strcmp(text, "COMMAND") == 0) {
        first_words(out, typed);
    }
}

/* The word for argument number `at` in "NAME FILE... --key-field FIELD [options]": empty when there
 * is none. Optional ones are in brackets; the last one may repeat. */
static struct lg_slice argument_word(const char *arguments, size_t at)
{
    struct lg_slice last = {0};
    size_t n = 0;

    for (const char *p = arguments; *p != '\0';) {
        size_t length = strcspn(p, " ");
        struct lg_slice word = lg_slice(p, length);

        p += length + (p[length] == ' ');
        if (lg_slice_eq_str(word, "[options]") || lg_slice_starts(word, LG_LIT("--")))
            break; /* Flags follow. */
        if (word.size > 2 && word.data[0] == '[')
            word = lg_slice(word.data + 1, word.size - 2);
        if (n++ == at)
            return word;
        last = word;
    }
    return last.size > 3 && memcmp(last.data + last.size - 3, "...", 3) == 0 ? last
                                                                             : (struct lg_slice){0};
}

/* The flag that `word` names and that takes a value, or NULL. */
static const struct lg_flag_row *flag_with_value(enum lg_command_kind kind, const char *word)
{
    for (size_t f = 0; strncmp(word, "--", 2) == 0 && f < LG_FLAG_COUNT; f++) {
        const struct lg_flag_row *row = lg_flag_row((enum lg_command_flag)f);

        if (lg_command_has_flag(kind, (enum lg_command_flag)f) && row->value != NULL &&
            strcmp(row->name, word + 2) == 0)
            return row;
    }
    return NULL;
}

static bool was_given(const char *flag, size_t count, const char *const *words)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], flag) == 0)
            return true;
    return false;
}

static void flag_names(struct lg_buf *out, enum lg_command_kind kind, size_t count,
                       const char *const *words)
{
    for (size_t f = 0; f < LG_FLAG_COUNT; f++) {
        const struct lg_flag_row *row = lg_flag_row((enum lg_command_flag)f);
        LG_AUTO_STR char *name = lg_strf("--%s", row->name);

        if (lg_command_has_flag(kind, (enum lg_command_flag)f) &&
            !was_given(name, count - 1, words))
            lg_complete_candidate(out, words[count - 1], name, row->help);
    }
    lg_complete_candidate(out, words[count - 1], "--help", "Show this command's page.");
}

/* --- lagoon admin: the commands and options of Venice's tool. ----------------------------------
 */

static const struct lg_alias *alias_typed(size_t count, const char *const *words)
{
    for (size_t i = 0; i < count; i++)
        for (size_t a = 0; strncmp(words[i], "--", 2) == 0 && a < lg_aliases_count; a++)
            if (strcmp(lg_aliases[a].name, words[i] + 2) == 0)
                return &lg_aliases[a];
    return NULL;
}

/* The value of an option that is called so. */
static void alias_value(const char *option, enum lg_complete_more *out_more)
{
    size_t size = strlen(option);

    if (strcmp(option, "--store") == 0)
        *out_more = LG_COMPLETE_STORES;
    else if (strcmp(option, "--storage-node") == 0 || strcmp(option, "--instances") == 0 ||
             strcmp(option, "--to-be-stopped-nodes") == 0)
        *out_more = LG_COMPLETE_NODES;
    else if (strcmp(option, "--profile") == 0)
        *out_more = LG_COMPLETE_PROFILES;
    else if (size > 5 && strcmp(option + size - 5, "-file") == 0)
        *out_more = LG_COMPLETE_FILES;
}

/* Does the alias have this option: in its line, in its settings, or as every one? */
static bool alias_has(const struct lg_alias *alias, const char *option)
{
    static const char *const common[] = {"url",     "cluster", "flat-json", "output",
                                         "profile", "timeout", "data"};
    LG_AUTO_STR char *text =
        lg_strf(" %s %s ", alias->line, alias->settings == NULL ? "" : alias->settings);
    LG_AUTO_STR char *needed = lg_strf("{%s}", option), *taken = lg_strf("<%s>", option);
    LG_AUTO_STR char *set = lg_strf(" %s=", option), *times = lg_strf(" %s*", option);

    for (size_t i = 0; i < LG_ARRAY_SIZE(common); i++)
        if (strcmp(common[i], option) == 0)
            return true;
    return strstr(text, needed) != NULL || strstr(text, taken) != NULL ||
           strstr(text, set) != NULL || strstr(text, times) != NULL;
}

static void after_admin(struct lg_buf *out, size_t count, const char *const *words,
                        enum lg_complete_more *out_more)
{
    const struct lg_alias *alias = alias_typed(count - 1, words);
    const char *typed = words[count - 1];

    for (size_t i = 0; count > 1 && i < lg_alias_options_count; i++)
        if (lg_alias_options[i].takes_value && strncmp(words[count - 2], "--", 2) == 0 &&
            strcmp(lg_alias_options[i].name, words[count - 2] + 2) == 0) {
            alias_value(words[count - 2], out_more);
            return;
        }
    for (size_t i = 0; alias == NULL && i < lg_aliases_count; i++) {
        LG_AUTO_STR char *name = lg_strf("--%s", lg_aliases[i].name);

        if (lg_aliases[i].line != NULL)
            lg_complete_candidate(out, typed, name, lg_aliases[i].help);
    }
    for (size_t i = 0; alias != NULL && alias->line != NULL && i < lg_alias_options_count; i++) {
        LG_AUTO_STR char *name = lg_strf("--%s", lg_alias_options[i].name);

        if (alias_has(alias, lg_alias_options[i].name) && !was_given(name, count - 1, words))
            lg_complete_candidate(out, typed, name, "");
    }
    lg_complete_candidate(out, typed, "--help", "Show what each command is here.");
}

static void after_verb(struct lg_buf *out, enum lg_command_kind kind, size_t count,
                       const char *const *words, const struct lg_option_table *options,
                       enum lg_complete_more *out_more)
{
    const char *typed = words[count - 1];
    const struct lg_flag_row *flag = count > 1 ? flag_with_value(kind, words[count - 2]) : NULL;
    size_t at = 0;
    struct lg_slice word;

    if (kind == LG_COMMAND_ADMIN) {
        after_admin(out, count, words, out_more);
        return;
    }
    if (flag != NULL) {
        place(out, typed, lg_slice_str(flag->value), out_more);
        return;
    }
    if (strncmp(typed, "-", 1) == 0) {
        if (lg_command_runs_role(kind))
            option_names(out, typed, "--", options);
        flag_names(out, kind, count, words);
        return;
    }
    for (size_t i = 0; i + 1 < count; i++)
        if (flag_with_value(kind, words[i]) != NULL)
            i++;
        else if (strncmp(words[i], "--", 2) != 0)
            at++;
    word = argument_word(lg_command_row(kind)->arguments, at);
    if (lg_slice_eq_str(word, "OPTION"))
        option_names(out, typed, "", options);
    else if (lg_command_runs_role(kind))
        *out_more = LG_COMPLETE_FILES; /* The value of an option. */
    else if (kind != LG_COMMAND_STORE_CREATE && kind != LG_COMMAND_PROFILE_ADD) /* A new name. */
        place(out, typed, word, out_more);
}

void lg_complete(struct lg_buf *out, size_t count, const char *const *words,
                 const struct lg_option_table *options, enum lg_complete_more *out_more)
{
    enum lg_command_kind kind = LG_COMMAND_COUNT;
    size_t used = 0;

    *out_more = LG_COMPLETE_NOTHING;
    if (count == 0)
        return;
    if (count == 1) {
        first_words(out, words[0]);
    } else if (lg_command_match(count - 1, words, &kind, &used)) {
        if (count == 2) /* `push` is a verb; `push kill` is another. */
            second_words(out, words[0], words[1]);
        after_verb(out, kind, count - used, words + used, options, out_more);
    } else if (count == 2) {
        second_words(out, words[0], words[1]);
    }
}

/* --- Scripts. ----------------------------------------------------------------------------------
 */

static const char bash_script[] =
    "# Completion of lagoon for bash. In ~/.bashrc:  source <(lagoon completion bash)\n"
    "_lagoon() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} word help words=() i\n"
    "    COMPREPLY=()\n"
    "    if [[ ${program##*/} == venice-admin-tool ]]; then\n"
    "        program=${program%venice-admin-tool}lagoon words=(admin)\n"
    "    fi\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        [[ ${COMP_WORDS[i]} == \"=\" ]] || words+=(\"${COMP_WORDS[i]}\")\n"
    "    done\n"
    "    [[ $current == \"=\" ]] && words+=(\"\") && current=\n"
    "    while IFS=$'\\t' read -r word help; do\n"
    "        if [[ $word == :files ]]; then\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$current\")\n"
    "        else\n"
    "            COMPREPLY+=(\"$word\")\n"
    "        fi\n"
    "    done < <(\"$program\" complete -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _lagoon lagoon venice-admin-tool\n";

static const char zsh_script[] =
    "#compdef lagoon venice-admin-tool\n"
    "# Completion of lagoon for zsh. In ~/.zshrc, after compinit:  source <(lagoon completion "
    "zsh)\n"
    "_lagoon() {\n"
    "    local -a candidates typed\n"
    "    local word help program=${words[1]}\n"
    "    typed=(\"${(@)words[2,CURRENT]}\")\n"
    "    if [[ ${program:t} == venice-admin-tool ]]; then\n"
    "        program=${program%venice-admin-tool}lagoon\n"
    "        typed=(admin \"${(@)typed}\")\n"
    "    fi\n"
    "    while IFS=$'\\t' read -r word help; do\n"
    "        if [[ $word == :files ]]; then\n"
    "            _files\n"
    "        else\n"
    "            candidates+=(\"${word//:/\\\\:}:$help\")\n"
    "        fi\n"
    "    done < <(\"$program\" complete -- \"${(@)typed}\" 2>/dev/null)\n"
    "    (( ${#candidates} )) && _describe lagoon candidates\n"
    "}\n"
    "if [[ ${funcstack[1]} == _lagoon ]]; then\n"
    "    _lagoon \"$@\"\n"
    "else\n"
    "    compdef _lagoon lagoon venice-admin-tool\n"
    "fi\n";

static const char fish_script[] =
    "# Completion of lagoon for fish. In config.fish:  lagoon completion fish | source\n"
    "function __lagoon_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    if string match -q '*venice-admin-tool' -- $words[1]\n"
    "        set words (string replace -r 'venice-admin-tool$' lagoon -- $words[1]) admin "
    "$words[2..-1]\n"
    "    end\n"
    "    for line in ($words[1] complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
    "        if test \"$line\" = \":files\"\n"
    "            __fish_complete_path \"$current\"\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c lagoon -f -a \"(__lagoon_complete)\"\n"
    "complete -c venice-admin-tool -f -a \"(__lagoon_complete)\"\n";

enum lg_rc lg_complete_script(struct lg_buf *out, const char *shell, struct lg_error *err)
{
    static const struct {
        const char *shell, *text;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

    for (size_t i = 0; i < LG_ARRAY_SIZE(scripts); i++) {
        if (strcmp(scripts[i].shell, shell) != 0)
            continue;
        lg_buf_append_str(out, scripts[i].text);
        return LG_OK;
    }
    return lg_error_set(err, LG_ERR_INVALID, "no completion for '%s'; there are bash, zsh and fish",
                        shell);
}
