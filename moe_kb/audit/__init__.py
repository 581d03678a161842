"""The audit: rules that look for issues in the records. An issue never fails a check or a build."""
