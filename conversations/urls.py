"""The pages of conversations, below /conversations/."""

from django.urls import path

from conversations.views import (
    attachments,
    conversation,
    gallery,
    giving,
    listing,
    search,
    snapshots,
)

app_name = "conversations"
urlpatterns = [
    path("", listing.conversations, name="list"),
    path("search/", search.search, name="search"),
    path("snapshots/", snapshots.snapshots, name="snapshots"),
    path("snapshots/<slug:snapshot_id>/", snapshots.snapshot, name="snapshot"),
    path("snapshots/<slug:snapshot_id>/download/", giving.download, name="download"),
    path("<slug:slug>/", conversation.conversation, name="conversation"),
    path("<slug:slug>/self/", conversation.choose_self, name="choose-self"),
    path("<slug:slug>/dates/", conversation.choose_dates, name="choose-dates"),
    path("<slug:slug>/gallery/", gallery.gallery, name="gallery"),
    path("<slug:slug>/originals/", giving.originals, name="originals"),
    path("<slug:slug>/export/", giving.export, name="export"),
    path("<slug:slug>/export.jsonl", giving.export_jsonl, name="export-jsonl"),
    path("<slug:slug>/export.html", giving.export_html, name="export-html"),
    path(
        "<slug:slug>/attachments/<str:at>/<int:number>/", attachments.attachment, name="attachment"
    ),
    path("<slug:slug>/thumbnails/<str:at>/<int:number>/", attachments.thumbnail, name="thumbnail"),
]
