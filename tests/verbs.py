"""The table of verbs: who calls each function of ``tamis.actions``: a page, a command, a method; or why one does not.

A page is named by its file (``data_map``, with its parts), ``shared`` by what several pages have in common.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class No(NamedTuple):
    """Why a caller is missing."""

    reason: str


Caller: TypeAlias = str | No


class Verb(NamedTuple):
    """A page, a command and a method that do the same."""

    page: Caller
    command: Caller
    method: Caller


_DRAWN = No("drawn on the page as a part of more")
_FILES = No("what the command writes is downloaded on a page: there is no file of the browser's to write to")
_ON_SCREEN = No("a person reads it on a screen; tamis decisions decide and import take the outcome")
_PER_STEP = No("one command for each step: tamis run STEP")
_ROW_BY_ROW = No("the page decides row by row, or by a rule over proposals")
_AWAY = No("what the page has a process of its own for is waited for here")
_OPERATOR = No("whoever runs the server does it, in a terminal")
_BY_HAND = No("a table for the eye; its numbers are in tamis rows and tamis export")

_DRAGGED = No("a hand drags it; run select with one budget picks the same rows, and its forecast shows them")

VERBS: dict[str, Verb] = {
    # what is active
    "active.activate": Verb("shared", "selections activate", "SelectionResult.activate"),
    "active.active_artifacts": Verb(No("the frame draws a menu of each"), "active", "Dataset.active"),
    "active.active_selection": Verb(
        No("the frame shows it"), No("tamis selections show"), "Dataset.active_selection"
    ),
    "active.list_selections": Verb(
        No("the context it has opened knows them"), "selections list", "Dataset.selections"
    ),
    "active.plan_selection_deletion": Verb(
        No("a page hides what runs drew, and deletes none"),
        "selections delete",
        "SelectionResult.plan_deletion",
    ),
    "active.delete_selection": Verb(
        No("a page hides what runs drew, and deletes none"), "selections delete", "SelectionResult.delete"
    ),
    # batches of written rows
    "augmenting.accept_passed": Verb("augment", "decisions rule", "Decisions.accept_passed"),
    "augment_trial.try_drafts": Verb(
        No("it has them tried in a process of its own"), "run augment", "Dataset.try_augment"
    ),
    "augment_trial.start_trial": Verb(
        "augment", No("tamis run augment --estimate waits"), No("Dataset.try_augment waits")
    ),
    "augmenting.batch_funnel": Verb("augment", "batches show", "BatchResult.funnel"),
    "augmenting.list_batches": Verb("augment", "batches list", "Dataset.batches"),
    "augmenting.rows_with_reason": Verb("augment", "batches show", "BatchResult.rows_with"),
    "augmenting.batch_groups": Verb("augment", "batches show", "BatchResult.groups"),
    "drop_reasons.count_drop_reasons": Verb("augment", "batches show", "BatchResult.dropped_for"),
    "drop_reasons.note_drop_reason": Verb(
        "review",
        No("tamis review note ROW 'Dropped: wrong' says the same"),
        No("Decisions.note says the same"),
    ),
    "augmenting.batch_problems": Verb("augment", No("tamis rejects list has them"), "BatchResult.problems"),
    # campaigns
    "campaigns.start_campaign": Verb("shared", "campaign start", "Dataset.campaign"),
    "campaigns.list_campaigns": Verb("shared", "campaign list", "Workspace.campaigns"),
    "campaigns.show_campaign": Verb("shared", "campaign show", "Workspace.campaign"),
    "campaigns.go_on": Verb("shared", "campaign next", "CampaignHandle.next"),
    "campaigns.stop_campaign": Verb("shared", "campaign stop", "CampaignHandle.stop"),
    "campaigns.resume_campaign": Verb("shared", "campaign resume", "CampaignHandle.resume"),
    "campaigns.revise_brief": Verb("shared", "campaign brief", "CampaignHandle.revise_brief"),
    "campaigns.plan_campaign": Verb("shared", "campaign start", No("tamis campaign start KIND --plan")),
    "campaigns.states_under_way": Verb(
        "shared", No("tamis campaign list says more"), No("Workspace.campaigns says more")
    ),
    "campaigns.go_on_with_all": Verb("shared", "serve", No("each is gone on with by itself")),
    "briefs.read_brief": Verb("shared", "campaign brief", "CampaignHandle.brief"),
    "briefs.suggest_rules": Verb("shared", "campaign brief", "CampaignHandle.suggest_rules"),
    # adapters
    "adapters.merge_adapter": Verb(_AWAY, "adapters merge", "AdapterResult.merge"),
    "adapters.merge_elsewhere": Verb(
        "finetuning", No("tamis adapters merge waits"), No("AdapterResult.merge waits")
    ),
    "adapters.export_adapter": Verb(_FILES, "adapters export", "AdapterResult.export"),
    "adapters.pack_adapter": Verb("finetuning", No("tamis adapters export"), No("AdapterResult.export")),
    "adapters.delete_adapter": Verb("finetuning", "adapters delete", "AdapterResult.delete"),
    "adapters.find_adapter": Verb(
        No("the page lists them"), No("each command names one"), "Workspace.adapter"
    ),
    # measuring, looking around, starting
    "bench_grounded.bench_grounded": Verb(
        No("minutes on a file of one's own"), "bench-grounded", "Workspace.bench_grounded"
    ),
    "bench_noise.bench_noise": Verb(
        No("minutes on a file of one's own"), "bench-noise", "Workspace.bench_noise"
    ),
    "audit.list_audit": Verb("review", "audit list", "Workspace.audit"),
    "audit.check_audit": Verb(_OPERATOR, "audit verify", "Workspace.check_audit"),
    "backup.back_up": Verb(_OPERATOR, "backup", "Workspace.backup"),
    "backup.restore": Verb(_OPERATOR, "restore", "restore"),
    "verify.verify": Verb(_OPERATOR, "doctor", "Workspace.verify"),
    "verify.make_again": Verb(
        _OPERATOR, "doctor", No("tamis doctor --verify --recompute says what it queues")
    ),
    "doctor.examine": Verb(No("an app that does not start cannot say why"), "doctor", "Workspace.doctor"),
    "bootstrap.bootstrap_sample": Verb(
        "shared", No("tamis import names a file"), No("import_file names a file")
    ),
    # scores
    "given_scores.import_scores": Verb("scoring", "scores import", "Dataset.import_scores"),
    "given_scores.numeric_quality": Verb("shared", "scores list", No("Dataset.columns has them")),
    "row_images.row_images": Verb("shared", "rows show", "Dataset.images"),
    "given_scores.take_column": Verb(
        No("named as a quality, every form makes it"),
        No("--quality column:NAME"),
        No('quality="column:NAME"'),
    ),
    # rounds of labels
    "label_rounds.label_round": Verb("review", "review round", "Decisions.label_round"),
    "label_rounds.freeze_label_round": Verb("review", "review round", "Decisions.freeze_label_round"),
    # prunings
    "pruning.export_windows": Verb(
        No("what the command writes is downloaded as one file on a page"),
        "prunings export",
        "PruningResult.export_windows",
    ),
    "pruning.pack_windows": Verb("compare", No("tamis prunings export"), No("PruningResult.export_windows")),
    "pruning.find_pruning": Verb(
        No("the page lists them all"), "prunings show", No("Dataset.results lists them")
    ),
    "pruning.pruning_lines": Verb(No("the page draws them"), "prunings show", No("PruningResult is a table")),
    # clusters
    "clusters.cluster_names": Verb(
        No("the context it has opened knows them"), "clusters list", "Clusters.names"
    ),
    "clusters.rename_cluster": Verb("data_map", "clusters rename", "Clusters.rename"),
    "cluster_levels.rename_group": Verb("data_map", "clusters rename-group", "Clusters.rename_group"),
    "clusters.take_names": Verb("data_map", "clusters take", "Clusters.take_names"),
    "clusters.newest_names": Verb(
        "data_map", No("tamis clusters take finds them"), No("take_names finds them by itself")
    ),
    "clusters.list_model_names": Verb(
        "data_map",
        No("the names are shown when they are taken"),
        No("the result of name_clusters is that table"),
    ),
    "clusters.undo_rename": Verb("data_map", "clusters undo", "Clusters.undo"),
    "clusters.redo_rename": Verb(No("the name is typed again"), "clusters redo", "Clusters.redo"),
    "regroup.change_clusters": Verb("data_map", "clusters merge", "Clusters.merge"),
    "regroup.undo_change": Verb("data_map", "clusters back", "Clusters.back"),
    # datasets
    "datasets.list_datasets": Verb(No("draws each with its stages"), "datasets list", "Workspace.datasets"),
    "datasets.damaged_datasets": Verb(
        "overview", "datasets list", No("Workspace.verify says it of everything")
    ),
    "datasets.find_dataset": Verb(
        No("the address names it"), No("each command names one"), "Workspace.dataset"
    ),
    "datasets.rename_dataset": Verb("overview", "datasets rename", "Dataset.rename"),
    "datasets.delete_dataset": Verb("overview", "datasets delete", "Dataset.delete"),
    "datasets.list_trash": Verb("overview", "datasets trash", "Workspace.trash"),
    "datasets.restore_dataset": Verb("overview", "datasets restore", "Workspace.restore"),
    "datasets.empty_trash": Verb("overview", "datasets trash", "Workspace.empty_trash"),
    # decisions
    "bulk_decisions.decide_by_rule": Verb("review", "review rule", "Decisions.by_rule"),
    "decision_files.import_decisions": Verb(_ROW_BY_ROW, "decisions import", "Decisions.import_file"),
    "decision_files.export_decisions": Verb(_FILES, "decisions export", "Decisions.export"),
    "decisions.approve_proposal": Verb("review", "review approve", "Decisions.approve"),
    "decisions.reject_proposal": Verb("review", "review reject", "Decisions.reject"),
    "decisions.save_edit": Verb("review", _ON_SCREEN, "Decisions.edit"),
    "decisions.decide_rows": Verb(_ROW_BY_ROW, "decisions decide", "Decisions.decide"),
    "decisions.undo_decision": Verb("review", "decisions undo", "Decisions.undo"),
    "decisions.redo_decision": Verb("review", "decisions redo", "Decisions.redo"),
    "decisions.revert_decision": Verb("review", "decisions undo", "Decisions.undo"),
    "decide_request.decide_by_request": Verb(
        "shared", No("tamis review approve waits for each"), No("Decisions.approve waits for each")
    ),
    "decisions.settle_conflict": Verb("review", "decisions settle", "Decisions.settle"),
    "decisions.list_decisions": Verb("review", "decisions list", "Decisions.log"),
    "decisions.summarise_decisions": Verb(No("review_progress"), "decisions summary", "Decisions.summary"),
    "decisions.review_progress": Verb("review", "review progress", "Decisions.progress"),
    "decisions.rows_of_decision": Verb("review", No("tamis decisions export"), "Decisions.rows_of"),
    "decisions.history_of_row": Verb("review", "decisions row", "Decisions.history"),
    "review_queue.open_queue": Verb("review", "review queue", "Decisions.queue"),
    "review_queue.next_rows": Verb("review", "review queue", "Decisions.queue"),
    "teams.assign_rows": Verb("review", "review assign", "Decisions.assign"),
    "teams.list_shares": Verb("review", "review shares", "Decisions.shares"),
    "teams.measure_agreement": Verb("review", "review agreement", "Decisions.agreement"),
    "teams.add_note": Verb("review", "review note", "Decisions.note"),
    "teams.list_notes": Verb("review", "review notes", "Decisions.notes"),
    "review_calibration.calibrate_review": Verb("review", "review calibrate", "Decisions.calibrate"),
    # import and rejects
    "imports.start_import": Verb("import_data", "import", "Workspace.import_file"),
    "imports.plan_paths": Verb(No("the page looks at each file first"), "import", "Workspace.import_file"),
    "uploads.sweep_uploads": Verb(
        _OPERATOR, "serve", No("empty_trash does it, and every start of the server")
    ),
    "uploads.store_upload": Verb(
        "import_data", No("files of this machine are named"), "Workspace.import_rows"
    ),
    "rejects.list_rejects": Verb(No("rejects_of what it has opened"), "rejects list", "Dataset.rejects"),
    "rejects.show_reject": Verb(_DRAWN, "rejects show", "RejectedLines.show"),
    "rejects.export_rejects": Verb(_FILES, "rejects export", "RejectedLines.export"),
    "rejects.plan_retry": Verb(
        No("the page Import reads the file again in the way that is chosen there"),
        "rejects retry",
        "RejectedLines.retry",
    ),
    # jobs
    "forecast.forecast": Verb("shared", "run", "Dataset.forecast"),
    "forecast.forecast_models": Verb(_AWAY, "run", No("Dataset.forecast(ask_rows=…)")),
    "forecast.submission_text": Verb("shared", "run", No("Dataset.forecast says what stands in the way")),
    "jobs.list_jobs": Verb("job_list", "jobs list", "Dataset.jobs"),
    "jobs.get_job": Verb(No("find_job: an address may be old"), "jobs show", "JobHandle.status"),
    "jobs.refresh_jobs": Verb(No("the server keeps jobs moving"), "jobs list", "JobHandle.status"),
    "jobs.wait_for_job": Verb(No("a page shows how far it is"), "run", "JobHandle.wait"),
    "jobs.cancel_job": Verb("job_list", "jobs cancel", "JobHandle.cancel"),
    "jobs.run_job_first": Verb("job_list", "jobs first", "JobHandle.run_first"),
    "jobs.resume_job": Verb("job_list", "jobs resume", "JobHandle.resume"),
    "jobs.delete_job": Verb("job_list", "jobs delete", "JobHandle.delete"),
    "jobs.read_log": Verb("job_list", "jobs logs", "JobHandle.log"),
    "jobs.read_metrics": Verb("job_list", No("curves are for the eye"), "JobHandle.curves"),
    "remedies.with_smaller_batch": Verb("finetuning", No("tamis run finetune again"), No("finetune again")),
    "submit.submit": Verb("shared", "run", "Dataset.embed"),
    "submit.repeat": Verb(
        "job_list", No("tamis run with the options of tamis jobs show"), No("**result.options")
    ),
    "opening.open_file": Verb(
        No("an upload says then run the pipeline"), "open", No("Workspace.import_file, then run_missing")
    ),
    "pipeline.submit_missing": Verb("overview", "run-missing", "Dataset.run_missing"),
    "pipeline.submit_stage": Verb("overview", _PER_STEP, No("one method for each step")),
    "pipeline.submit_steps": Verb("data_map", _PER_STEP, No("one method for each step")),
    # rows and columns
    "read_rows.matching": Verb("shared", "rows list", "Dataset.rows"),
    "read_rows.sort_rows": Verb("shared", "rows list", "Rows.sorted_by"),
    "read_rows.read_rows": Verb("data_map", "rows list", "Rows.to_arrow"),
    "read_rows.columns_of": Verb("data_map", "rows columns", "Dataset.columns"),
    "read_rows.list_clusters": Verb("shared", "clusters list", "Clusters.to_arrow"),
    "read_rows.read_messages": Verb(No("reads them with the rows"), No("tamis rows show"), "Rows.messages"),
    "read_rows.nearest_rows": Verb("shared", No("sort_by_similarity"), "Dataset.search"),
    "read_rows.sort_by_similarity": Verb("shared", "rows search", No("nearest_rows, with cosines")),
    "learned_tokens.learned_tokens": Verb("shared", "tokens", "Dataset.learned_tokens"),
    "token_losses.token_losses": Verb("finetuning", "tokens", "AdapterResult.token_losses"),
    "scores.score_per_cluster": Verb("scoring", _BY_HAND, "ScoresResult.per_cluster"),
    # selections, comparisons, refinements, training
    "data_card.data_card": Verb("export_data", No("tamis card writes it"), No("ExportedRows.card writes it")),
    "data_card.write_card": Verb(_FILES, "card", "ExportedRows.card"),
    "report.dataset_report.write_dataset_report": Verb(_FILES, "report", "Dataset.report"),
    "report.dataset_report.render_dataset_report": Verb(
        "export_data", No("tamis report writes it"), No("Dataset.report writes it")
    ),
    "export_atlas.export_atlas": Verb(
        No("a file for another program's command line"), "export-atlas", "Dataset.export_atlas"
    ),
    "share_map.share_map": Verb("data_map", "share-map", "Dataset.share_map"),
    "export.export": Verb("export_data", "export", "Dataset.export"),
    "replay_plan.plan_replay": Verb(
        No("the page shows the command"), No("tamis replay prints it first"), No("replay prints it first")
    ),
    "replay_plan.refuse_unknown": Verb(
        No("the page shows the command"), No("tamis replay does it"), No("replay does it")
    ),
    "replay.replay_manifest": Verb(
        No("the page shows the command: it reads files elsewhere"), "replay", "replay"
    ),
    "comparisons.only_rows": Verb("compare", _BY_HAND, "ComparisonResult.only_rows"),
    "models.trained_models": Verb("shared", No("tamis adapters list"), "Workspace.models"),
    "selections.submit_baseline": Verb(
        "selection", No("tamis run select --method random"), "SelectionResult.baseline"
    ),
    "selections.picks_per_cluster": Verb("selection", _BY_HAND, "SelectionResult.per_cluster"),
    "sieve.open_sieve": Verb("shared", _DRAGGED, _DRAGGED),
    "sieve.sift": Verb("shared", _DRAGGED, _DRAGGED),
    "why_row.explain_row": Verb("shared", "selections why", "SelectionResult.why"),
    "why_row.replace_row": Verb("shared", "selections replace", "SelectionResult.replace"),
    "grid.submit_grid": Verb("compare", "compare", "Dataset.compare_methods"),
    "report.report.write_report": Verb(_FILES, "compare", "ComparisonResult.report"),
    "report.report.render_report": Verb("compare", No("tamis compare --out"), No("ComparisonResult.report")),
    "report.report.notes_of": Verb("compare", "compare", "ComparisonResult.notes"),
    "refinements.continue_refinement": Verb(
        "refinement", "refinements continue", "RefinementResult.more_rounds"
    ),
    "refinements.compare_with_controls": Verb(
        "refinement", "refinements compare", "RefinementResult.compare_with_controls"
    ),
    "refinements.tag_flagged": Verb("refinement", "refinements flags", No("Tags.add(tag, refinement.flags)")),
    "refinements.drop_flagged": Verb("refinement", "refinements flags", No("Decisions.decide(rows, 'drop')")),
    "refinement_history.round_table": Verb("refinement", "refinements show", "RefinementResult.rounds"),
    "refinements.rounds_so_far": Verb("refinement", "refinements show", "RefinementResult.rounds"),
    "delete_refinement.plan_deletion": Verb(
        "refinement", "refinements delete", "RefinementResult.plan_deletion"
    ),
    "delete_refinement.delete_refinement": Verb(
        "refinement", "refinements delete", "RefinementResult.delete"
    ),
    "runs.list_runs": Verb("finetuning", "refinements list", "Dataset.results"),
    "finetune_grid.submit_training_grid": Verb(
        "compare", "finetune-selections", "Dataset.finetune_selections"
    ),
    "finetune_grid.grid_forecasts": Verb(
        No("the grid's form stands beside the runs it would repeat"),
        "finetune-selections",
        No("Dataset.forecast, selection by selection"),
    ),
    "referee.submit_referee": Verb("referee", "referee", "Dataset.referee"),
    "referee.list_referees": Verb("referee", "referee", "Dataset.referees"),
    "referee_estimate.estimate_referee": Verb("referee", "referee", "Dataset.estimate_referee"),
    "worth.submit_worth": Verb("worth", "worth", "Dataset.worth"),
    "worth.extend_worth": Verb("worth", "worth", "Dataset.worth"),
    "worth.list_worths": Verb("worth", "worth", "Dataset.worths"),
    "worth.estimate_worth": Verb("worth", "worth", "Dataset.estimate_worth"),
    "evaluations.evaluation_of": Verb("finetuning", _BY_HAND, "AdapterResult.evaluation"),
    "evaluations.cluster_losses": Verb("finetuning", _BY_HAND, "AdapterResult.per_cluster"),
    "votes.list_votes": Verb("finetuning", _ON_SCREEN, "AdapterResult.votes"),
    "training.hold_out_again": Verb(
        "shared", No("--held-out takes the same rows"), No("held_out takes the same rows")
    ),
    # targets
    "targets.add_target": Verb("scoring", "target add", "Targets.add"),
    "targets.list_targets": Verb("scoring", "target list", "Targets.list"),
    "targets.show_target": Verb(
        No("the page lists the examples with their nearest rows"), "target show", "Targets.show"
    ),
    "targets.plan_target_deletion": Verb("scoring", "target delete", "Targets.plan_deletion"),
    "targets.delete_target": Verb("scoring", "target delete", "Targets.delete"),
    "targets.out_of_reach": Verb("scoring", "target show", "Targets.out_of_reach"),
    "targets.rows_kept_out": Verb("scoring", "target show", "Targets.kept_out"),
    # tags
    "tags.list_tags": Verb(No("those of the context it has opened"), "tags list", "Tags.list"),
    "tags.tagged_rows": Verb(No("the filter bar"), No("tamis rows list --tag"), "Tags.rows"),
    "tags.add_tag": Verb("data_map", "tags add", "Tags.add"),
    "tags.remove_tag": Verb("data_map", "tags remove", "Tags.remove"),
    "tags.rename_tag": Verb(No("one row of tags, no list of them"), "tags rename", "Tags.rename"),
    "tags.delete_tag": Verb(No("taken off the rows that have it"), "tags delete", "Tags.delete"),
    "tags.undo_tag": Verb("data_map", "tags undo", "Tags.undo"),
    "tags.redo_tag": Verb("data_map", "tags redo", "Tags.redo"),
    "tags.tag_log": Verb(No("undo and redo say what they did"), "tags log", "Tags.log"),
    # versions
    "versions.make_version": Verb("review", "apply", "Dataset.apply"),
    "versions.carry_over": Verb("review", "apply", "Dataset.carry_over"),
    "versions.compare_versions": Verb("overview", "diff", "Dataset.changes"),
    "versions.parent_version": Verb(No("offers all earlier ones"), "diff", "Dataset.changes"),
}

# Questions that verbs and pages ask on their way: by module why they have no callers of every kind, and which they are.
QUESTIONS: dict[str, tuple[str, str]] = {
    "accounts": (
        "who somebody is and may be, as the gate before the pages asks",
        "read_accounts accounts_with check_accounts find_actor account_of_claims same_account",
    ),
    "audit": (
        "what the server and actions note on their way, and an entry in words",
        "add_entry record_login record_roles say_entry",
    ),
    "citations": ("the papers behind the steps of an export, for its card", "papers_of"),
    "teams": (
        "the share of whoever looks at the queue, and what it shows of others",
        "rows_of_reviewer share_of_queue blind_to_others blind_changes blind_events rows_seen_alone decides_blind second_opinions_missing "
        "decided_as_seen decisions_as_seen notes_seen_by",
    ),
    "roles": ("how an action asks who may do it", "needs needed_role why_not actor_of"),
    "adapters": (
        "what the page says of an adapter before its buttons are pressed",
        "merge_problem check_merge_target merged_bytes adapter_bytes weights_folder is_low_rank merged_folder is_merged plan_adapter_deletion",
    ),
    "active": (
        "what a kind's name means in Python",
        "newest_of_kind",
    ),
    "artifact_names": (
        "what artifacts are called wherever they are named",
        "plain_name name_artifacts names_of_jobs artifact_names names_in_view artifact_name name_runs mark_alike rows_name "
        "refinement_name method_label model_name say_rows",
    ),
    "bench_clear": (
        "parts of bench_noise",
        "clear_tables clear_filters clear_corrected",
    ),
    "bench_noise": (
        "parts of bench_noise",
        "read_noise_rows score_rows",
    ),
    "bootstrap": (
        "whether a workspace is new",
        "is_untouched",
    ),
    "bulk_decisions": (
        "what a rule would do, and in which words, before it is applied",
        "rows_of_rule describe_rule measure_titles limit_offered",
    ),
    "comparisons": (
        "what a link to some rows of a comparison says",
        "scope_of",
    ),
    "delete_refinement": (
        "what the page says before a refinement goes",
        "takes_models",
    ),
    "models": (
        "what a form says of a model that is being named",
        "look_at_model",
    ),
    "dataset_context": (
        "opens what every question about rows is asked of",
        "open_context through_clustering read_tags current_tag_revision",
    ),
    "datasets": (
        "names, formats and order, as the overview draws them",
        "dataset_names newest_first order_datasets version_depths dataset_formats describe_dataset plan_dataset_deletion",
    ),
    "decisions": (
        "what is decided now, as the review draws it",
        "decision_snapshot decision_revision conflict_on own_messages",
    ),
    "deletion": (
        "how whatever is deleted goes",
        "carry_out obstacle_to_deleting",
    ),
    "drafts": (
        "what somebody types in a browser and has not saved",
        "start_edit find_edit keep_edit forget_edit",
    ),
    "evaluations": (
        "numbers of a drawing of held-out rows",
        "measures_of answered overall_losses name_of_cluster measure_verdicts word_of task_changes",
    ),
    "export": (
        "parts of an export",
        "write_rows stored_examples files_of shapes_of spoken_columns",
    ),
    "export_choices": (
        "which choices the export page offers, and what they would write",
        "offered_row_sources choose_row_source rows_label read_scope_rows count_tokens choose_texts "
        "read_decided export_texts choose_formats preview_export",
    ),
    "export_files": (
        "the folder that the export page writes into; elsewhere a path is named",
        "exports_folder default_export_name export_path read_listed_manifest list_exports count_exports "
        "named_scope export_command replay_command",
    ),
    "finetune_grid": (
        "what the form says before training, and the runs that are drawn afterwards",
        "held_out_by_all grid_runs training_grids runs_of_methods n_left",
    ),
    "forecast": (
        "numbers of a forecast, as forms draw them while they are filled in",
        "forecast_detail row_lengths model_folder training_forecast",
    ),
    "row_tokens": ("what a referee counts before it selects", "row_tokens keep_row_tokens remake_row_tokens"),
    "referee": (
        "what is settled before a referee is asked for, and its methods",
        "methods_of draw_for_referee prepare_referee steered with_target",
    ),
    "proxy_pool": ("what every study by small trainings begins with", "draw_pool prepare_pool"),
    "proxy_timing": ("the clock of an estimate, and how it says a time", "time_training time_in_words"),
    "study_runs": ("what list_referees and list_worths answer", "study_runs"),
    "worth": (
        "what is settled before a worth is asked for, and its mixture as weights",
        "draw_worth plan_worth solved_weights",
    ),
    "grid": (
        "how many selections a form would make",
        "grid_requests check_method_options",
    ),
    "imports": (
        "what the import page shows of a file before it is imported, and of imports that run",
        "list_importable allowed_path hub_source files_of_sources examine_file columns_for "
        "formats_by_fit mapping_of unknown_roles default_import_name plan_examined import_name first_imports columns_beside columns_heeded "
        "failed_imports left_out_files guessed_encodings",
    ),
    "score_estimates": (
        "what the list of scores says beside each before anybody asks; tamis run score --estimate asks",
        "estimate_scores",
    ),
    "import_counts": (
        "how many rows the button of an import names",
        "count_records",
    ),
    "job_groups": (
        "jobs that are told in one line, and a page of such lines",
        "group_jobs page_of_groups",
    ),
    "job_words": (
        "what is said of a job wherever it is shown",
        "job_title job_headline say_progress say_what_is_before in_line",
    ),
    "jobs": (
        "what the job page draws of a job",
        "active_jobs count_jobs find_job jobs_of_result keep_jobs_moving elapsed_s has_log log_tail "
        "job_lineage",
    ),
    "manifests": (
        "parts of an export and its replay",
        "read_manifest lineage listed_decisions installed_versions",
    ),
    "map_tiles": (
        "what the map asks the server for",
        "open_map map_column spread_over_clusters pack_rows_as_bits to_unit to_layout say_card card_words group_rows shade_edges",
    ),
    "sieve": (
        "what a sieve is given before a hand moves it, and what its setting is as a request",
        "usual_request request_at sample_nearest",
    ),
    "cluster_levels": ("names above clusters, as the map shows them", "cluster_levels"),
    "map_colours": (
        "the colours of a map and of the charts beside it, and what of a legend filters",
        "colour_choices cluster_colour diverging paint_column shade_clusters paint_evenly paint_groups is_about condition_of values_of",
    ),
    "map_overlay": ("another dataset or a target over a map, for the eye", "overlay_choices overlay_of"),
    "map_picture": ("what a map draws, as data", "describe_map cluster_labels"),
    "map_rounds": ("the rounds of a refinement on a map", "map_rounds round_values flagged_group"),
    "map_facts": ("the caption of a map", "map_caption"),
    "map_file": (
        "the parts of a file that share_map writes",
        "read_modules join_modules map_page pack_texts to_bytes",
    ),
    "share_map": ("what share_map writes, in memory for a browser's download", "draw_map"),
    "map_svg": ("the picture that share_map writes", "map_svg"),
    "map_rows": (
        "where things lie on the map",
        "read_positions cluster_middles",
    ),
    "pipeline": (
        "how far a dataset is, as the overview draws it",
        "stages next_stage",
    ),
    "proposal_threshold": (
        "what a threshold would do, while a form is filled in",
        "preview_threshold usual_score",
    ),
    "proposals": (
        "proposals in columns and in words, as the review draws them",
        "list_proposals find_proposals proposal_columns proposal_table proposals_for many_cut "
        "method_title say_kind score_title score_word",
    ),
    "read_rows": (
        "numbers and rows of one drawing",
        "read_column count_values summarise pattern_problem cluster_of similar_rows "
        "cosine_of usual_cutoff encode_sentence encoder_of picked_in nearest_in_cluster tags_of row_number",
    ),
    "what_waits": ("counts of what other verbs list, for the rail", "what_waits state_of"),
    "search_results": (
        "snippets of a search, as the map's panel draws them; the rows are those of rows search",
        "looks_for_words without_clusters hits_of results_of",
    ),
    "refinement_history": (
        "tables of one drawing of a refinement",
        "read_history effects_of answered_rows picked_rows telling_rows shared_picks",
    ),
    "refinements": (
        "what is known of a run, as the refinement page draws it",
        "control_of is_static is_cheap n_rounds_asked budget_rows rows_per_round selection_after "
        "cluster_factor continued_options control_requests round_model_curves",
    ),
    "rejects": (
        "parts of list and export",
        "rejects_of reject_lines",
    ),
    "given_scores": ("a part of a replay, and what a form offers", "remake_scores cost_columns write_scores"),
    "row_images": (
        "the images of a record before it is a row of a dataset, in the preview of an import",
        "have_images images_of text_beside_images",
    ),
    "export_scores": ("parts of an export and its preview", "find_scores score_columns"),
    "remedies": (
        "why a training failed, or what a result lacks, in words",
        "ran_out_of_memory smaller_batch remarks_on reading_remedy",
    ),
    "trainer_entries": (
        "fields of the manifest that every export writes; the page Export shows them",
        "describe_for_trainers",
    ),
    "report.report": (
        "parts of a report",
        "manifest_of",
    ),
    "data_card": (
        "what a card and a report say of a step",
        "chosen_plugin facts_of_step",
    ),
    "report.dataset_report": (
        "parts of a report, and which export it is about where none is named",
        "newest_export path_in_a_sentence count_deciders",
    ),
    "report.dataset_pictures": (
        "pictures of a report",
        "draw_pictures exported_rows",
    ),
    "report.template": ("a part of both reports, from their values to a page", "render_page"),
    "report.svg": (
        "pictures of a report",
        "colour strip heat_map dot_plot histogram map_of map_of_groups map_background scaled",
    ),
    "review_calibration": (
        "where a slider starts",
        "usual_threshold",
    ),
    "review_queue": (
        "who looks at which row now, where several people review in browsers",
        "hold_row hold_ahead held_rows release_other_sessions",
    ),
    "runs": (
        "runs and their curves, as pages draw them",
        "find_run read_run_curves curve_table",
    ),
    "scores": (
        "numbers of one drawing of a score",
        "score_stats rows_at_the_end rows_within can_score_again former_options",
    ),
    "selection_origin": ("parts of explain_row and replace_row", "origin_of"),
    "why_row": ("a part of a replay, and what a page says beside the rows", "remake_edits edits_of"),
    "selections": (
        "numbers of one drawing of a selection",
        "find_baseline score_of total_tokens selection_stats picked_histograms overlaps ranked_picks selected_rows",
    ),
    "submit": (
        "parts of submit, and what a form's run would be called",
        "check_options freeze_pointers lacking_for_target placed_request plan_run",
    ),
    "augmenting": (
        "rows, marks and groups of a batch or an examination, as tables and pages draw them",
        "judged_rows provenance_rows find_examination examination_rows examination_groups batch_of additions_waiting group_records",
    ),
    "addition_rows": ("what the review draws beside a written row", "open_additions"),
    "augment_parents": (
        "examples that are no rows, as a form and missing:TARGET name them: --examples and examples= have them in full",
        "typed_examples missing_examples with_missing_examples",
    ),
    "campaign_moves": (
        "moves of a campaign, as campaigns make and watch them",
        "as_seen begin facts_when_ended n_waiting rows_here",
    ),
    "campaign_rights": (
        "in whose hands a campaign makes its next move, as campaigns ask before each",
        "in_its_hands check_keys",
    ),
    "campaigns": ("the table of moves, as the command and Python show it", "moves_table"),
    "tags": (
        "the tags of one row, as its inspector sets them",
        "set_row_tags",
    ),
    "targets": (
        "which scores are meant, and the table that the page draws of them",
        "describe_cover newest_scores require_scores target_of_scores",
    ),
    "training": (
        "which rows a training would read, while a form is filled in",
        "verdicts_in_force apply_in_force runs_with_held_out frozen_rows smoke_test",
    ),
    "uploads": (
        "files that come through a browser",
        "safe_name",
    ),
    "versions": (
        "the name and the rows that are drawn of a version",
        "default_version_name earlier_versions read_changed",
    ),
    "votes": (
        "a vote is blind on a screen: which answer stands where, and what came of it",
        "vote_order left_is record_vote withdraw_vote vote_winners vote_rates",
    ),
    "word_marks": (
        "differences of texts, as pages mark them",
        "mark_words",
    ),
}

# Who may do it, by the least role; each verb stands here once, and questions that change something do too.
ROLES: dict[str, str] = {
    "viewer": (
        "data_card.data_card data_card.write_card why_row.explain_row audit.list_audit audit.check_audit teams.list_shares teams.measure_agreement teams.list_notes "
        "active.active_artifacts active.active_selection active.list_selections active.plan_selection_deletion "
        "adapters.find_adapter bench_grounded.bench_grounded bench_noise.bench_noise doctor.examine given_scores.numeric_quality "
        "clusters.cluster_names datasets.list_datasets datasets.damaged_datasets datasets.find_dataset datasets.list_trash "
        "decisions.list_decisions decisions.summarise_decisions decisions.review_progress "
        "decisions.rows_of_decision decisions.history_of_row review_queue.open_queue review_queue.next_rows "
        "review_calibration.calibrate_review imports.plan_paths rejects.list_rejects rejects.show_reject "
        "rejects.plan_retry forecast.forecast forecast.forecast_models forecast.submission_text "
        "finetune_grid.grid_forecasts "
        "jobs.list_jobs jobs.get_job jobs.wait_for_job jobs.read_log jobs.read_metrics "
        "remedies.with_smaller_batch submit.repeat read_rows.matching read_rows.sort_rows read_rows.read_rows "
        "read_rows.columns_of read_rows.list_clusters read_rows.read_messages read_rows.nearest_rows "
        "read_rows.sort_by_similarity row_images.row_images learned_tokens.learned_tokens "
        "clusters.newest_names clusters.list_model_names token_losses.token_losses scores.score_per_cluster pruning.find_pruning pruning.pruning_lines label_rounds.label_round "
        "replay_plan.plan_replay replay_plan.refuse_unknown replay.replay_manifest comparisons.only_rows "
        "campaigns.list_campaigns campaigns.states_under_way campaigns.show_campaign campaigns.plan_campaign briefs.read_brief "
        "models.trained_models augmenting.batch_funnel augmenting.list_batches augmenting.rows_with_reason selections.picks_per_cluster sieve.open_sieve sieve.sift report.report.render_report report.dataset_report.render_dataset_report "
        "augmenting.batch_groups augmenting.batch_problems "
        "drop_reasons.count_drop_reasons "
        "report.report.notes_of refinement_history.round_table refinements.rounds_so_far "
        "delete_refinement.plan_deletion runs.list_runs evaluations.evaluation_of evaluations.cluster_losses "
        "targets.list_targets targets.show_target targets.plan_target_deletion targets.out_of_reach targets.rows_kept_out "
        "votes.list_votes referee.list_referees worth.list_worths tags.list_tags tags.tagged_rows tags.tag_log versions.compare_versions "
        "versions.parent_version"
    ),
    "reviewer": (
        "decide_request.decide_by_request teams.add_note drop_reasons.note_drop_reason "
        "decisions.approve_proposal decisions.reject_proposal decisions.save_edit decisions.undo_decision "
        "decisions.redo_decision decisions.revert_decision tags.add_tag tags.remove_tag tags.set_row_tags "
        "tags.undo_tag tags.redo_tag drafts.keep_edit drafts.forget_edit review_queue.hold_row "
        "review_queue.hold_ahead review_queue.release_other_sessions votes.record_vote votes.withdraw_vote"
    ),
    "curator": (
        "targets.add_target teams.assign_rows active.activate why_row.replace_row "
        "decisions.decide_rows bulk_decisions.decide_by_rule augmenting.accept_passed augment_trial.try_drafts augment_trial.start_trial decision_files.import_decisions "
        "decision_files.export_decisions decisions.settle_conflict tags.rename_tag tags.delete_tag "
        "regroup.change_clusters regroup.undo_change clusters.rename_cluster cluster_levels.rename_group clusters.take_names clusters.undo_rename clusters.redo_rename datasets.rename_dataset "
        "datasets.delete_dataset datasets.restore_dataset opening.open_file imports.start_import uploads.store_upload "
        "given_scores.import_scores given_scores.take_column submit.submit pipeline.submit_stage "
        "pipeline.submit_steps pipeline.submit_missing selections.submit_baseline grid.submit_grid "
        "finetune_grid.submit_training_grid referee.submit_referee referee_estimate.estimate_referee worth.submit_worth worth.extend_worth worth.estimate_worth refinements.continue_refinement refinements.compare_with_controls "
        "refinements.tag_flagged refinements.drop_flagged jobs.cancel_job jobs.resume_job jobs.delete_job "
        "jobs.refresh_jobs jobs.run_job_first export.export export_atlas.export_atlas share_map.share_map rejects.export_rejects versions.make_version versions.carry_over training.hold_out_again "
        "adapters.merge_elsewhere adapters.merge_adapter adapters.export_adapter adapters.pack_adapter "
        "report.report.write_report report.dataset_report.write_dataset_report pruning.export_windows pruning.pack_windows "
        "label_rounds.freeze_label_round campaigns.start_campaign campaigns.go_on campaigns.go_on_with_all campaigns.stop_campaign "
        "campaigns.resume_campaign campaigns.revise_brief briefs.suggest_rules"
    ),
    "operator": (
        "active.delete_selection targets.delete_target datasets.empty_trash adapters.delete_adapter delete_refinement.delete_refinement backup.back_up "
        "backup.restore verify.make_again uploads.sweep_uploads bootstrap.bootstrap_sample "
        "deletion.carry_out verify.verify"
    ),
}
