"""What the app shows, computed without it: functions from a `KnowledgeBase` to plotly figures or plain rows."""
