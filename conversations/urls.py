"""The pages of conversations, below /conversations/."""

from django.urls import path

from conversations.views import attachments, giving, search

app_name = "conversations"
urlpatterns = [
    path("search/", search.search, name="search"),
    path("snapshots/<str:snapshot_id>/download/", giving.download, name="download"),
    path("<slug:slug>/originals/", giving.originals, name="originals"),
    path("<slug:slug>/export.jsonl", giving.export_jsonl, name="export-jsonl"),
    path("<slug:slug>/export.html", giving.export_html, name="export-html"),
    path("<slug:slug>/attachments/<int:pk>/", attachments.attachment, name="attachment"),
    path("<slug:slug>/thumbnails/<int:pk>/", attachments.thumbnail, name="thumbnail"),
]
