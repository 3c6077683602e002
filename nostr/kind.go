package nostr

// A Kind says what an event is for and how relays keep it (NIP-01). Kinds outside
// the four classes below are unspecified: relays may treat them as they like.
type Kind uint16

// IsRegular reports whether relays keep every event of this kind.
func (k Kind) IsRegular() bool {
	return 1000 <= k && k < 10000 || 4 <= k && k < 45 || k == 1 || k == 2
}

// IsReplaceable reports whether relays keep only an author's newest event of this kind.
func (k Kind) IsReplaceable() bool {
	return 10000 <= k && k < 20000 || k == 0 || k == 3
}

// IsEphemeral reports whether relays pass events of this kind on and keep none.
func (k Kind) IsEphemeral() bool { return 20000 <= k && k < 30000 }

// IsAddressable reports whether relays keep only an author's newest event of this
// kind for each value of the "d" tag.
func (k Kind) IsAddressable() bool { return 30000 <= k && k < 40000 }

// The kinds of the NIPs. Which of them a program supports is its own business.
const (
	KindProfileMetadata        Kind = 0
	KindTextNote               Kind = 1
	KindRecommendServer        Kind = 2
	KindFollowList             Kind = 3
	KindEncryptedDirectMessage Kind = 4
	KindDeletion               Kind = 5
	KindRepost                 Kind = 6
	KindReaction               Kind = 7
	KindBadgeAward             Kind = 8
	KindSimpleGroupChatMessage Kind = 9
	KindSimpleGroupThread      Kind = 11
	KindSeal                   Kind = 13
	KindDirectMessage          Kind = 14
	KindFileMessage            Kind = 15
	KindGenericRepost          Kind = 16
	KindReactionToWebsite      Kind = 17
	KindPicture                Kind = 20
	KindVideoEvent             Kind = 21
	KindShortVideoEvent        Kind = 22
	KindChannelCreation        Kind = 40
	KindChannelMetadata        Kind = 41
	KindChannelMessage         Kind = 42
	KindChannelHideMessage     Kind = 43
	KindChannelMuteUser        Kind = 44

	KindRequestToVanish         Kind = 62
	KindChess                   Kind = 64
	KindMergeRequests           Kind = 818
	KindPollResponse            Kind = 1018
	KindBid                     Kind = 1021
	KindBidConfirmation         Kind = 1022
	KindOpenTimestamps          Kind = 1040
	KindGiftWrap                Kind = 1059
	KindFileMetadata            Kind = 1063
	KindPoll                    Kind = 1068
	KindComment                 Kind = 1111
	KindVoiceMessage            Kind = 1222
	KindVoiceMessageComment     Kind = 1244
	KindLiveChatMessage         Kind = 1311
	KindCodeSnippet             Kind = 1337
	KindPatch                   Kind = 1617
	KindPullRequest             Kind = 1618
	KindPullRequestUpdate       Kind = 1619
	KindIssue                   Kind = 1621
	KindReply                   Kind = 1622
	KindStatusOpen              Kind = 1630
	KindStatusApplied           Kind = 1631
	KindStatusClosed            Kind = 1632
	KindStatusDraft             Kind = 1633
	KindProblemTracker          Kind = 1971
	KindReporting               Kind = 1984
	KindLabel                   Kind = 1985
	KindRelayReviews            Kind = 1986
	KindAIEmbeddings            Kind = 1987
	KindTorrent                 Kind = 2003
	KindTorrentComment          Kind = 2004
	KindCoinjoinPool            Kind = 2022
	KindCommunityPostApproval   Kind = 4550
	KindJobFeedback             Kind = 7000
	KindCashuToken              Kind = 7375
	KindCashuHistory            Kind = 7376
	KindSimpleGroupPutUser      Kind = 9000
	KindSimpleGroupRemoveUser   Kind = 9001
	KindSimpleGroupEditMetadata Kind = 9002
	KindSimpleGroupDeleteEvent  Kind = 9005
	KindSimpleGroupCreateGroup  Kind = 9007
	KindSimpleGroupDeleteGroup  Kind = 9008
	KindSimpleGroupCreateInvite Kind = 9009
	KindSimpleGroupJoinRequest  Kind = 9021
	KindSimpleGroupLeaveRequest Kind = 9022
	KindZapGoal                 Kind = 9041
	KindNutZap                  Kind = 9321
	KindTidalLogin              Kind = 9467
	KindZapRequest              Kind = 9734
	KindZap                     Kind = 9735
	KindHighlights              Kind = 9802

	KindMuteList              Kind = 10000
	KindPinList               Kind = 10001
	KindRelayListMetadata     Kind = 10002
	KindBookmarkList          Kind = 10003
	KindCommunityList         Kind = 10004
	KindPublicChatList        Kind = 10005
	KindBlockedRelayList      Kind = 10006
	KindSearchRelayList       Kind = 10007
	KindSimpleGroupList       Kind = 10009
	KindInterestList          Kind = 10015
	KindNutZapInfo            Kind = 10019
	KindEmojiList             Kind = 10030
	KindDMRelayList           Kind = 10050
	KindUserServerList        Kind = 10063
	KindFileStorageServerList Kind = 10096
	KindGoodWikiAuthorList    Kind = 10101
	KindGoodWikiRelayList     Kind = 10102
	KindRelayMonitor          Kind = 10166
	KindNWCWalletInfo         Kind = 13194
	KindCashuWallet           Kind = 17375

	KindLightningPubRPC      Kind = 21000
	KindEphemeralGiftWrap    Kind = 21059
	KindClientAuthentication Kind = 22242
	KindNWCWalletRequest     Kind = 23194
	KindNWCWalletResponse    Kind = 23195
	KindNostrConnect         Kind = 24133
	KindBlobs                Kind = 24242
	KindHTTPAuth             Kind = 27235

	KindCategorizedPeopleList    Kind = 30000
	KindCategorizedBookmarksList Kind = 30001
	KindRelaySets                Kind = 30002
	KindBookmarkSets             Kind = 30003
	KindCuratedSets              Kind = 30004
	KindCuratedVideoSets         Kind = 30005
	KindMuteSets                 Kind = 30007
	KindProfileBadges            Kind = 30008
	KindBadgeDefinition          Kind = 30009
	KindInterestSets             Kind = 30015
	KindStallDefinition          Kind = 30017
	KindProductDefinition        Kind = 30018
	KindMarketplaceUI            Kind = 30019
	KindProductSoldAsAuction     Kind = 30020
	KindArticle                  Kind = 30023
	KindDraftArticle             Kind = 30024
	KindEmojiSets                Kind = 30030
	KindModularArticleHeader     Kind = 30040
	KindModularArticleContent    Kind = 30041
	KindReleaseArtifactSets      Kind = 30063
	KindApplicationSpecificData  Kind = 30078
	KindRelayDiscovery           Kind = 30166
	KindLiveEvent                Kind = 30311
	KindUserStatuses             Kind = 30315
	KindClassifiedListing        Kind = 30402
	KindDraftClassifiedListing   Kind = 30403
	KindRepositoryAnnouncement   Kind = 30617
	KindRepositoryState          Kind = 30618
	KindWikiArticle              Kind = 30818
	KindRedirects                Kind = 30819
	KindFeed                     Kind = 31890
	KindDateCalendarEvent        Kind = 31922
	KindTimeCalendarEvent        Kind = 31923
	KindCalendar                 Kind = 31924
	KindCalendarEventRSVP        Kind = 31925
	KindHandlerRecommendation    Kind = 31989
	KindHandlerInformation       Kind = 31990
	KindCommunityDefinition      Kind = 34550
	KindSimpleGroupMetadata      Kind = 39000
	KindSimpleGroupAdmins        Kind = 39001
	KindSimpleGroupMembers       Kind = 39002
	KindSimpleGroupRoles         Kind = 39003
)
