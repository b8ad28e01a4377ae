"""finetune: rows to an adapter, compared with its base."""
