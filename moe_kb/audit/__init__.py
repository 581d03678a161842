"""The audit: rules that look for doubts about the records. An issue never fails a check or a build."""
